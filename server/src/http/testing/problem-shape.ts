import assert from "node:assert/strict";
import { ERROR_CODES, ERRORS } from "@capsuled/contract";
import { z } from "zod";

const problem = z.strictObject({
  error: z.strictObject({
    code: z.enum(ERROR_CODES),
    message: z.string().min(1),
    request_id: z.string().regex(/^req-[0-9a-z]{25}$/),
    details: z.record(z.string(), z.unknown()).optional(),
  }),
});

export type Problem = z.output<typeof problem>["error"];

/** The error in an answer, after checking all that holds for every one: its shape, its status, its request id. */
export async function problemOf(response: Response): Promise<Problem> {
  assert.match(response.headers.get("content-type") ?? "", /^application\/json/);
  const body: unknown = await response.json();
  const { error } = problem.parse(body);
  assert.equal(response.status, ERRORS[error.code].status, error.code);
  assert.equal(response.headers.get("x-request-id"), error.request_id);
  assert.equal(response.headers.has("retry-after"), response.status === 429 || response.status === 503);
  return error;
}

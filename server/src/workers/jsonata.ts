import jsonata from "jsonata";
import { z } from "zod";
import type { JobAnswer } from "./job.ts";
import { faulty } from "./job.ts";
import { WORKER_LIMITS } from "./limits.ts";
import { jsonOf } from "./json.ts";
import { answerOf } from "./result.ts";

/** What the library throws. */
const failure = z.object({
  message: z.string(),
  position: z.number().optional(),
  /** What it was about: in an evaluation, of the output. */
  value: z.unknown().optional(),
  value2: z.unknown().optional(),
  exp: z.unknown().optional(),
});

/** Whether it can be read at all. */
export function checkExpression(expression: string): JobAnswer {
  try {
    compile(expression);
    return { ok: true, json: new TextEncoder().encode("null") };
  } catch (error) {
    return faulty(`is no JSONata: ${messageOf(error)}`);
  }
}

/** An expression's value over output that is JSON; null where it has none. */
export async function evaluateExpression(expression: string, stdout: Uint8Array): Promise<JobAnswer> {
  const input = jsonOf(stdout);
  if (!input.ok) return faulty(input.message);
  try {
    const value: unknown = await compile(expression).evaluate(input.value);
    return answerOf(value);
  } catch (error) {
    return faulty(`the expression failed: ${withoutValues(error)}`);
  }
}

function compile(expression: string): jsonata.Expression {
  return jsonata(expression, { stack: WORKER_LIMITS.jsonataDepthMax, sequence: WORKER_LIMITS.jsonataSequenceMax });
}

function messageOf(error: unknown): string {
  const read = failure.safeParse(error);
  if (!read.success) return "it cannot be evaluated";
  const { message, position } = read.data;
  return `${message.slice(0, 300)}${position === undefined ? "" : ` (at character ${position})`}`;
}

/** The library puts values into its words; they are of the output, which may be nobody's business. Only `$error`'s words are the author's own. */
function withoutValues(error: unknown): string {
  const read = failure.safeParse(error);
  if (!read.success) return messageOf(error);
  const { value, value2, exp, ...rest } = read.data;
  let { message } = rest;
  for (const one of [value, value2, exp]) {
    if (one === undefined) continue;
    message = message.replaceAll(JSON.stringify(one) ?? "undefined", "…");
  }
  return messageOf({ ...rest, message });
}

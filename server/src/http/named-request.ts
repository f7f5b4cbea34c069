import type { OperationId } from "@capsuled/contract";
import { z } from "zod";
import type { Principal } from "../core/access/principal.ts";
import type { AnswerForm, IdempotencyService, Intent } from "../core/idempotency/service.ts";
import type { Answer } from "./answer.ts";
import { requestPath } from "./request-target.ts";

/** Characters of a command's result that are kept with its key; a longer one is read from its journal again. */
export const EXEC_ANSWER_CHARS_MAX = 4096;

const kept = z.object({
  status: z.int(),
  contentType: z.string().nullable(),
  body: z.string().nullable(),
  headers: z.record(z.string(), z.string()).nullable(),
});

function formFor(operation: OperationId): AnswerForm<Answer> {
  const charsMax = operation === "exec" ? EXEC_ANSWER_CHARS_MAX : Number.POSITIVE_INFINITY;
  return {
    render: ({ status, contentType, body, headers }) =>
      (body?.length ?? 0) > charsMax ? null : JSON.stringify({ status, contentType, body, headers }),
    parse: (text) => kept.parse(JSON.parse(text)),
  };
}

/** A request with an `Idempotency-Key`: done once, and answered as often as it comes. */
export async function runNamed(
  idempotency: IdempotencyService,
  caller: Principal,
  operation: OperationId,
  named: { readonly key: string; readonly method: string; readonly url: string; readonly body: unknown },
  act: (intent: Intent) => Promise<Answer>,
): Promise<Answer> {
  const request = `${named.method} ${requestPath(named.url)}`;
  const { value, isReplayed } = await idempotency.run(caller, { key: named.key, request, body: named.body ?? {} }, act, formFor(operation));
  return isReplayed ? { ...value, headers: { ...value.headers, "idempotent-replayed": "true" } } : value;
}

import { AssertionError } from "node:assert";
import { setTimeout as sleep } from "node:timers/promises";
import type { OperationId } from "@capsuled/contract";
import { z } from "zod";
import type { Answer, CallOptions } from "../harness/call.ts";
import { call, errorOf } from "../harness/call.ts";
import type { World } from "./world.ts";

/** Milliseconds for which a request is repeated before it counts as never answered. */
export const ANSWER_MS_MAX = 120_000;
const AGAIN_MS = 40;

/** Nobody answered in time, or the run is broken off. */
export class Unanswered extends Error {
  override readonly name = "Unanswered";
}

/** Asks until there is an answer that settles the matter: the server may be dead, dying or just born. */
export async function ask(world: World, who: string, id: OperationId, options: CallOptions = {}): Promise<Answer> {
  const until = performance.now() + ANSWER_MS_MAX;
  for (;;) {
    if (world.broken.aborted) throw new Unanswered("the run is broken off");
    const answer = await askOnce(world, who, id, options);
    if (answer !== undefined && !isTransient(answer)) return answer;
    if (performance.now() > until) {
      world.ledger.answers.wrong += 1;
      world.ledger.find(who, "never answered", { id, ...(answer === undefined ? {} : { status: answer.status, body: answer.body }) });
      throw new Unanswered(`${id} for ${who}`);
    }
    await sleep(AGAIN_MS);
  }
}

/** One request; `undefined` where the connection gave no whole answer. */
export async function askOnce(world: World, who: string, id: OperationId, options: CallOptions = {}): Promise<Answer | undefined> {
  try {
    const answer = await call(id, { ...options, signal: options.signal ?? world.broken });
    world.ledger.answers.given += 1;
    return answer;
  } catch (error) {
    if (!(error instanceof AssertionError || error instanceof z.ZodError)) return undefined;
    world.ledger.answers.wrong += 1;
    world.ledger.find(who, "an answer against the contract", { id, error: error.message.slice(0, 500) });
    throw error;
  }
}

/** Whether the same request may get another answer by itself. */
function isTransient({ status, body }: Answer): boolean {
  if (status < 400) return false;
  const { code } = errorOf(body);
  return status === 502 || status === 503 || code === "idempotency_in_progress";
}

/** The code of an error answer, `null` of another. */
export function codeOf(answer: Answer): string | null {
  return answer.status < 400 ? null : errorOf(answer.body).code;
}

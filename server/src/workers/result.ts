import type { JobAnswer } from "./job.ts";
import { faulty } from "./job.ts";
import { WORKER_LIMITS } from "./limits.ts";

/** A transformer's value as JSON, within its bound; what JSON cannot say is null. */
export function answerOf(value: unknown): JobAnswer {
  let json: string;
  try {
    json = JSON.stringify(value) ?? "null";
  } catch {
    // A function of an expression, or more levels than can be written.
    return faulty("the result cannot be written as JSON");
  }
  return json.length > WORKER_LIMITS.transformResultBytesMax ? tooLarge() : answerOfBytes(new TextEncoder().encode(json));
}

/** JSON that is written already. */
export function answerOfBytes(json: Uint8Array<ArrayBuffer>): JobAnswer {
  return json.length > WORKER_LIMITS.transformResultBytesMax ? tooLarge() : { ok: true, json };
}

export function tooLarge(): JobAnswer {
  return faulty(`the result has more than ${WORKER_LIMITS.transformResultBytesMax} bytes`);
}

/** Output as text: bytes that are no UTF-8 are replaced, a byte order mark is left out. */
export function textOf(stdout: Uint8Array): string {
  return new TextDecoder().decode(stdout);
}

import type { JobAnswer } from "./job.ts";
import { WORKER_LIMITS } from "./limits.ts";

/** A transformer's value as JSON, within its bound; what JSON cannot say is null. */
export function answerOf(value: unknown): JobAnswer {
  let json: string;
  try {
    json = JSON.stringify(value) ?? "null";
  } catch {
    // A function of an expression, or more levels than can be written.
    return { ok: false, message: "the result cannot be written as JSON" };
  }
  const { transformResultBytesMax: max } = WORKER_LIMITS;
  if (json.length > max || Buffer.byteLength(json) > max) return { ok: false, message: `the result has more than ${max} bytes` };
  return { ok: true, json };
}

/** Output as text: bytes that are no UTF-8 are replaced, a byte order mark is left out. */
export function textOf(stdout: Uint8Array): string {
  return new TextDecoder().decode(stdout);
}

export type ReadJson = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

/** Output as JSON, no deeper than what can be written again. */
export function jsonOf(stdout: Uint8Array): ReadJson {
  if (isDeep(stdout)) return { ok: false, message: `the output is JSON of more than ${WORKER_LIMITS.jsonDepthMax} levels` };
  try {
    const value: unknown = JSON.parse(textOf(stdout));
    return { ok: true, value };
  } catch (error) {
    // V8 quotes the text around the error; the run has it whole.
    const problem = error instanceof Error ? error.message.replace(/,? ?(?:\.\.\.)?".*" is not valid JSON$/s, " is not valid JSON") : "";
    return { ok: false, message: `the output is no JSON: ${problem.slice(0, 200)}` };
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

function isDeep(bytes: Uint8Array): boolean {
  let depth = 0;
  let isText = false;
  for (let index = 0; index < bytes.length; index += 1) {
    const byte = bytes[index];
    if (isText) {
      if (byte === BACKSLASH) index += 1;
      else if (byte === QUOTE) isText = false;
    } else if (byte === QUOTE) isText = true;
    else if (byte === 0x5b || byte === 0x7b) {
      depth += 1;
      if (depth > WORKER_LIMITS.jsonDepthMax) return true;
    } else if (byte === 0x5d || byte === 0x7d) depth -= 1;
  }
  return false;
}

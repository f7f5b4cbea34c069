import { isUtf8 } from "node:buffer";
import type { JobAnswer } from "./job.ts";
import { faulty } from "./job.ts";
import { WORKER_LIMITS } from "./limits.ts";
import { answerOfBytes, textOf } from "./result.ts";

export type ReadJson = { readonly ok: true; readonly value: unknown } | { readonly ok: false; readonly message: string };

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Output that is JSON, as it was printed but without the blanks between its parts: numbers and names stay to the digit what they were. */
export function passJson(stdout: Uint8Array): JobAnswer {
  const input = jsonOf(stdout);
  if (!input.ok) return faulty(input.message);
  return answerOfBytes(withoutBlanks(isUtf8(stdout) ? stdout : new TextEncoder().encode(textOf(stdout))));
}

/** Output as JSON, no deeper than what can be written again. What is wrong is told without a word of the output: it may be nobody's business. */
export function jsonOf(stdout: Uint8Array): ReadJson {
  if (isDeep(stdout)) return { ok: false, message: `the output is JSON of more than ${WORKER_LIMITS.jsonDepthMax} levels` };
  try {
    const value: unknown = JSON.parse(textOf(stdout));
    return { ok: true, value };
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const place = /at position (\d+)/.exec(message)?.[1];
    const fault = /^(?:Unexpected end|Unterminated string)/.test(message) ? "it ends too early" : "unexpected character";
    return { ok: false, message: `the output is no JSON: ${fault}${place === undefined ? "" : ` at position ${place}`}` };
  }
}

/** JSON in UTF-8 without the blanks, the ends of lines and the byte order mark outside of its strings. */
function withoutBlanks(json: Uint8Array): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(json.length);
  let length = 0;
  let isText = false;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at] ?? 0;
    if (isText) {
      out[length++] = byte;
      if (byte === BACKSLASH) out[length++] = json[++at] ?? 0;
      else if (byte === QUOTE) isText = false;
    } else if (byte > 0x20 && byte < 0x80) {
      out[length++] = byte;
      isText = byte === QUOTE;
    }
  }
  return out.subarray(0, length);
}

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

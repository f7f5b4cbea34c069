import { completeLength, textOf } from "../process/text.ts";
import type { RunRecord } from "../run/record.ts";

/** Bytes of the output's head that a notification holds. */
export const OUTPUT_HEAD_BYTES = 64 * 1024;

/** The head of a run's output, both streams in order. */
export interface OutputHead {
  readonly bytes: Uint8Array;
  /** There is more, or some of it is not kept. */
  readonly isTruncated: boolean;
}

/** The JSON that is posted. `rendered` is the run in the API's own form; `output` is null where it must not or cannot be told. */
export function notificationBody(run: RunRecord, rendered: Readonly<Record<string, unknown>>, output: OutputHead | null): string {
  const data = output === null ? { run: rendered } : { run: rendered, ...renderOutput(output) };
  return JSON.stringify({ type: "run.ended", timestamp: new Date(run.endedAt ?? run.createdAt).toISOString(), data });
}

function renderOutput({ bytes, isTruncated }: OutputHead): Readonly<Record<string, unknown>> {
  const head = bytes.subarray(0, OUTPUT_HEAD_BYTES);
  const isCut = isTruncated || head.length < bytes.length;
  const whole = isCut ? head.subarray(0, completeLength(head)) : head;
  const isText = isUtf8(whole);
  return {
    output: isText ? textOf(whole) : base64(head),
    output_encoding: isText ? "utf-8" : "base64",
    output_truncated: isCut,
  };
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

/** Bytes that one call turns into characters: more arguments than that a call does not take. */
const CHUNK = 8192;

function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let start = 0; start < bytes.length; start += CHUNK) binary += String.fromCharCode(...bytes.subarray(start, start + CHUNK));
  return btoa(binary);
}

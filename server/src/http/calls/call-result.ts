import { isUtf8 } from "node:buffer";
import type { callResult, ErrorCode } from "@capsuled/contract";
import type { z } from "zod";
import type { StoredDefinition } from "../../core/endpoint/record.ts";
import { fail } from "../../core/fail.ts";
import { completeLength } from "../../core/process/text.ts";
import type { RunRecord } from "../../core/run/record.ts";
import type { RunHandle, RunOutput } from "../../core/run/service.ts";
import type { Answer } from "../answer.ts";
import { json } from "../answer.ts";
import { wholeBody } from "../body-stream.ts";
import type { RouteDeps } from "../deps.ts";
import { failureText, hasOutcome } from "./end-event.ts";
import { jsonOutput } from "./json-output.ts";

type CallResult = z.output<typeof callResult>;
type Shown = Pick<CallResult, "output" | "output_encoding" | "output_truncated">;

/** Bytes of output that are answered in one piece; more is read as it is written. */
const AT_ONCE_BYTES_MAX = 64 * 1024;
/** Bytes of output in the details of an error. */
export const ERROR_OUTPUT_BYTES_MAX = 1024 * 1024;

/**
 * Waits for a run's end and gives its result in one object. `enter` takes a place among the streams for one that is written piece by
 * piece. Throws `timeout`, `transform_failed`, and the code of a run that came to no outcome.
 */
export async function callResultOf(
  deps: Pick<RouteDeps, "runs" | "transformed" | "config">,
  handle: RunHandle,
  transformer: StoredDefinition["transformer"],
  enter: () => { leave(): void },
): Promise<Answer> {
  const run = await handle.ended;
  const { outputBytesMax } = deps.config;
  const shown = async (bytesMax: number): Promise<Shown> => renderOutput((await deps.runs.collect(handle, "both", bytesMax)).output);
  const inError = (): Promise<Shown> => shown(Math.min(outputBytesMax, ERROR_OUTPUT_BYTES_MAX));
  if (!hasOutcome(run)) throw failureOf(run, run.startedAt === null ? {} : await inError());
  const facts = {
    exit_code: run.exitCode,
    run_id: run.id,
    duration_ms: run.durationMs ?? 0,
    reason: run.reason ?? "exited",
    signal: run.signal,
  };
  if (transformer !== undefined && run.status === "succeeded") {
    const result = await deps.transformed.of(handle, transformer);
    if (result.ok) return dataAnswer(result.json, facts);
    throw fail("transform_failed", `The transformer failed: ${result.message}`, { details: { ...(await inError()), ...facts } });
  }
  if (run.stdoutBytes + run.stderrBytes <= AT_ONCE_BYTES_MAX)
    return json(200, { ...(await shown(outputBytesMax)), ...facts } satisfies CallResult);
  const place = enter();
  return jsonOutput(handle, outputBytesMax, facts, () => place.leave());
}

/** A transformer's result among the facts, as it was written. */
function dataAnswer(data: Uint8Array, facts: Omit<CallResult, "data">): Answer {
  const parts = [Buffer.from('{"data":'), data, Buffer.from(`,${JSON.stringify(facts).slice(1)}`)];
  const bytes = parts.reduce((sum, { length }) => sum + length, 0);
  const contentType = "application/json; charset=utf-8";
  if (bytes <= AT_ONCE_BYTES_MAX) return { status: 200, contentType, body: Buffer.concat(parts).toString("utf8"), headers: null };
  return { status: 200, contentType, body: null, headers: { "Content-Length": String(bytes) }, stream: wholeBody(parts) };
}

/** Text where the head of the output is one, else base64. */
export function renderOutput({ bytes, isTruncated }: Pick<RunOutput, "bytes" | "isTruncated">): Shown & { readonly output: string } {
  const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  // A bound may cut a character in two; the rest is no less text for that.
  const head = isTruncated ? whole.subarray(0, completeLength(whole)) : whole;
  const isText = isUtf8(head);
  return {
    output: isText ? head.toString("utf8") : whole.toString("base64"),
    ...(isText ? {} : { output_encoding: "base64" as const }),
    ...(isTruncated ? { output_truncated: true } : {}),
  };
}

/** The code for a run that came to no outcome of its command. */
function failureOf(run: RunRecord, shown: Shown): Error {
  const details = { ...shown, run_id: run.id, reason: run.reason, duration_ms: run.durationMs };
  if (run.status === "timed_out") return fail("timeout", failureText(run), { details: { ...details, exit_code: run.exitCode } });
  return fail(codeOf(run), failureText(run), { details });
}

function codeOf({ reason }: RunRecord): ErrorCode {
  switch (reason) {
    case "host_full":
      return "host_full";
    case "capsule_gone":
      return "capsule_gone";
    case "queue_timeout":
      return "queue_timeout";
    case "unavailable":
      return "unavailable";
    default:
      return "run_failed";
  }
}

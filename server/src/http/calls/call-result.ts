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
import type { RouteDeps } from "../deps.ts";
import { failureText, hasOutcome } from "./end-event.ts";
import { transformedOutput } from "./transformed.ts";

type CallResult = z.output<typeof callResult>;
type Shown = Pick<CallResult, "output" | "output_encoding" | "output_truncated">;

/** Waits for a run's end and gives its result in one object. Throws `timeout`, `transform_failed`, and the code of a run that came to no outcome. */
export async function callResultOf(
  deps: Pick<RouteDeps, "runs" | "transforms" | "config">,
  handle: RunHandle,
  transformer: StoredDefinition["transformer"],
): Promise<Answer> {
  const { run, output } = await deps.runs.collect(handle, deps.config.outputBytesMax);
  const shown = renderOutput(output);
  if (!hasOutcome(run)) throw failureOf(run, shown);
  const facts = {
    exit_code: run.exitCode,
    run_id: run.id,
    duration_ms: run.durationMs ?? 0,
    reason: run.reason ?? "exited",
    signal: run.signal,
  };
  if (transformer === undefined || run.status !== "succeeded") return json(200, { ...shown, ...facts } satisfies CallResult);
  const result = await transformedOutput(deps, handle, transformer);
  if (!result.ok) throw fail("transform_failed", `The transformer failed: ${result.message}`, { details: { ...shown, ...facts } });
  return json(200, { data: result.value, ...facts } satisfies CallResult);
}

/** Text where the head of the output is one, else base64. */
export function renderOutput({ merged, isTruncated }: Pick<RunOutput, "merged" | "isTruncated">): Shown & { readonly output: string } {
  const whole = Buffer.from(merged.buffer, merged.byteOffset, merged.byteLength);
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
  const details = { run_id: run.id, reason: run.reason, duration_ms: run.durationMs };
  if (run.status === "timed_out") return fail("timeout", failureText(run), { details: { ...shown, ...details, exit_code: run.exitCode } });
  return fail(codeOf(run), failureText(run), { details: run.startedAt === null ? details : { ...shown, ...details } });
}

function codeOf({ reason }: RunRecord): ErrorCode {
  switch (reason) {
    case "host_full":
      return "host_full";
    case "capsule_gone":
      return "capsule_gone";
    case "queue_timeout":
      return "queue_full";
    case "unavailable":
      return "unavailable";
    default:
      return "run_failed";
  }
}

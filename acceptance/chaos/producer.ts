import { readFileSync } from "node:fs";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";
import type { StreamName } from "./content.ts";
import { Content } from "./content.ts";
import type { EndPlan, JobPlan } from "./plan.ts";

const PROGRAM = readFileSync(fileURLToPath(new URL("producer.py", import.meta.url)), "utf8");

/** The command that prints a job's content and ends as planned. */
export function producerCommand(seed: string, job: JobPlan): { readonly cmd: string; readonly args: readonly string[] } {
  const numbers = [job.stdoutBytes, job.stderrBytes, job.writeBytes, job.pauseMs].map(String);
  return {
    cmd: "python3",
    args: ["-c", PROGRAM, job.key, seed, job.kind, ...numbers, "code" in job.end ? String(job.end.code) : job.end.signal],
  };
}

/** The position of the job's key among the arguments. */
export const KEY_ARGUMENT = 2;

export function contentOf(seed: string, job: JobPlan, stream: StreamName): Content {
  return new Content(seed, job.key, stream, job.kind);
}

/** Facts of an end that was planned. */
export function plannedEnd(end: EndPlan): { readonly reason: string; readonly exitCode: number } {
  return "code" in end ? { reason: "exited", exitCode: end.code } : { reason: "signaled", exitCode: 128 + constants.signals[end.signal] };
}

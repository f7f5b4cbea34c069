import { z } from "zod";
import { PROCESS_ID } from "../ids.ts";
import { PROCESS_REASONS } from "../reasons.ts";
import { timestamp } from "./text.ts";

/** What a capsule's memory was like when something ended in it, as its cgroup counted. */
export const memoryEvidence = z
  .object({
    memory_limit_bytes: z.int(),
    memory_peak_bytes: z.int().describe("The most it ever used."),
    oom_kills: z.int().describe("Processes that its kernel limit has killed since it booted."),
  })
  .meta({ id: "MemoryEvidence" });
export type MemoryEvidence = z.output<typeof memoryEvidence>;

const unknownAfterLoss = "null when nobody saw the end (`agent_lost`, `host_restarted`).";

/** Facts of a process's end; those that only the agent knows are null when it was lost. */
export const processEndFacts = {
  reason: z.enum(PROCESS_REASONS).describe("Why it ended."),
  exit_code: z.int().nullable().describe(`128 + the signal's number for a death by signal; ${unknownAfterLoss}`),
  signal: z.string().nullable(),
  requested: z
    .object({ by: z.string(), signal: z.string() })
    .nullable()
    .describe("Who asked for its end: a key's id, `timeout`, `client`, or a part of the server."),
  oom_kills: z.int().nullable().describe("Processes of the capsule that ran out of memory while it ran."),
  duration_ms: z.int().nullable(),
  stdout_bytes: z.int().nullable().describe(unknownAfterLoss),
  stderr_bytes: z.int().nullable(),
  late_bytes: z.int().nullable(),
  stdout_sha256: z.string().nullable().describe("Of all bytes of the stream, in hex."),
  stderr_sha256: z.string().nullable(),
  evidence: memoryEvidence.nullable().describe("The capsule's memory, where it was its end."),
} as const;

/** A process that runs, or has ended and is remembered. */
export const processFacts = z
  .object({
    id: z.string().regex(PROCESS_ID),
    capsule_id: z.string(),
    pid: z.int(),
    tag: z.string(),
    cmd: z.string(),
    args: z.array(z.string()),
    running: z.boolean(),
    started_at: timestamp,
    ended_at: timestamp.nullable(),
    ...processEndFacts,
    reason: z.enum(PROCESS_REASONS).nullable().describe("Why it ended; null while it runs."),
  })
  .meta({ id: "ProcessFacts" });

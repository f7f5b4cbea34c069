import type { processFacts } from "@capsuled/contract";
import type { z } from "zod";
import type { ProcessRecord } from "../../core/process/record.ts";
import { NO_FACTS } from "../../core/process/unseen-end.ts";
import { timestamp, timestampOrNull } from "./time.ts";

/** A process with the facts of its end, where it has ended. */
export function renderProcessFacts(process: ProcessRecord): z.output<typeof processFacts> {
  return {
    id: process.id,
    capsule_id: process.capsuleId,
    pid: process.pid,
    tag: process.tag,
    cmd: process.cmd,
    args: [...process.args],
    running: process.end === null,
    started_at: timestamp(process.startedAt),
    ended_at: timestampOrNull(process.endedAt),
    ...(process.end ?? NO_FACTS),
  };
}

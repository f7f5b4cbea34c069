import type { templateBuild } from "@capsuled/contract";
import type { z } from "zod";
import type { BuildRecord } from "../../core/build/record.ts";
import { timestamp, timestampOrNull } from "./time.ts";

export function renderBuild(record: BuildRecord): z.input<typeof templateBuild> {
  const { failure } = record;
  return {
    id: record.id,
    name: record.name,
    state: record.state,
    step: record.step,
    steps: record.steps,
    cached_steps: record.cachedSteps,
    reason: record.reason,
    message: record.message,
    error:
      failure === null
        ? null
        : { step: failure.step, command: failure.command, exit_code: failure.exitCode, last_lines: failure.lastLines },
    created_at: timestamp(record.createdAt),
    started_at: timestampOrNull(record.startedAt),
    ended_at: timestampOrNull(record.endedAt),
  };
}

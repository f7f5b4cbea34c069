import type { processInfo } from "@capsuled/contract";
import type { z } from "zod";
import type { AgentProcess } from "../../core/ports/agent-link.ts";
import { timestamp } from "./time.ts";

export function renderProcess(process: AgentProcess): z.output<typeof processInfo> {
  return {
    pid: process.pid,
    tag: process.tag,
    cmd: process.cmd,
    args: [...process.args],
    id: process.id,
    ppid: process.ppid,
    started_at: timestamp(process.startedAt),
  };
}

import { z } from "zod";
import type { ProcessRecord, ProcessStart } from "../core/process/record.ts";
import { processEnd } from "../core/process/record.ts";
import { withoutNul } from "./capsule-row.ts";
import type { ProcessRow } from "./schema.ts";

const args = z.array(z.string());

export function toProcess(row: ProcessRow): ProcessRecord {
  return {
    capsuleId: row.capsule_id,
    id: row.id,
    teamId: row.team_id,
    pid: row.pid,
    tag: row.tag,
    cmd: row.cmd,
    args: args.parse(JSON.parse(row.args_json)),
    startedAt: row.started_at,
    endedAt: row.ended_at,
    end: row.end_json === null ? null : processEnd.parse(JSON.parse(row.end_json)),
  };
}

/** A process that has not ended. */
export function toStartRow(capsuleId: string, teamId: string, process: ProcessStart): ProcessRow {
  return {
    capsule_id: capsuleId,
    id: process.id,
    team_id: teamId,
    pid: process.pid,
    tag: withoutNul(process.tag),
    cmd: withoutNul(process.cmd),
    args_json: JSON.stringify(process.args),
    started_at: process.startedAt,
    ended_at: null,
    end_json: null,
  };
}

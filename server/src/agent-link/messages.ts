import { isUtf8 } from "node:buffer";
import { PROCESS_REASONS } from "@capsuled/contract";
import { z } from "zod";
import type { AgentProcess, AgentStats, GapRecord, ProcessEnd, Started } from "../core/ports/agent-link.ts";
import { AgentRefusal } from "../core/ports/agent-link.ts";
import { ProtocolError } from "./frame.ts";

/** JSON payloads that the agent sends, parsed: shapes in agent/PROTOCOL.md. */

const count = z.int().min(0);

const started = z
  .object({ id: z.string(), pid: count, tag: z.string(), next_seq: count, started_at_ms: count })
  .transform((m): Started => ({ id: m.id, pid: m.pid, tag: m.tag, nextSeq: m.next_seq, startedAt: m.started_at_ms }));

const exit = z
  .object({
    id: z.string(),
    pid: count,
    tag: z.string(),
    seq: count,
    exit_code: z.int().min(0).max(255),
    signal: z.string().nullable(),
    reason: z.enum(PROCESS_REASONS),
    requested: z.object({ by: z.string(), signal: z.string() }).nullable(),
    oom_kills: count,
    duration_ms: count,
    started_at_ms: count,
    ended_at_ms: count,
    stdout_bytes: count,
    stderr_bytes: count,
    late_bytes: count,
  })
  .transform((m): ProcessEnd => ({
    kind: "exit",
    id: m.id,
    pid: m.pid,
    tag: m.tag,
    seq: m.seq,
    exitCode: m.exit_code,
    signal: m.signal,
    reason: m.reason,
    requested: m.requested,
    oomKills: m.oom_kills,
    durationMs: m.duration_ms,
    startedAt: m.started_at_ms,
    endedAt: m.ended_at_ms,
    stdoutBytes: m.stdout_bytes,
    stderrBytes: m.stderr_bytes,
    lateBytes: m.late_bytes,
  }));

const gap = z.object({ from_seq: count, to_seq: count, stdout_bytes: count, stderr_bytes: count }).transform((m): GapRecord => ({
  kind: "gap",
  fromSeq: m.from_seq,
  toSeq: m.to_seq,
  stdoutBytes: m.stdout_bytes,
  stderrBytes: m.stderr_bytes,
}));

const welcome = z.object({
  version: z.int(),
  agent: z.string(),
  capsule: z.string(),
  boot_id: z.string(),
  idle_ms: count,
  busy: count,
  paused: z.boolean(),
});

const refusal = z
  .object({ code: z.string(), message: z.string(), field: z.string().optional() })
  .transform((m) => new AgentRefusal(m.code, m.message, m.field ?? null));

const room = z.object({ bytes: count });

const list = z
  .object({
    processes: z.array(
      z
        .object({
          id: z.string().nullable(),
          pid: count,
          ppid: count,
          tag: z.string(),
          cmd: z.string(),
          args: z.array(z.string()),
          started_at_ms: count,
        })
        .transform((p): AgentProcess => ({
          id: p.id,
          pid: p.pid,
          ppid: p.ppid,
          tag: p.tag,
          cmd: p.cmd,
          args: p.args,
          startedAt: p.started_at_ms,
        })),
    ),
  })
  .transform((m) => m.processes);

const stats = z
  .object({ boot_id: z.string(), idle_ms: count, busy: count, processes: count })
  .transform((m): AgentStats => ({ bootId: m.boot_id, idleMs: m.idle_ms, busy: m.busy, processes: m.processes }));

/** The JSON value of a control payload. Throws `ProtocolError`. */
export function readJson(name: string, payload: Buffer): unknown {
  if (!isUtf8(payload)) throw new ProtocolError(`${name}: not UTF-8`);
  try {
    return JSON.parse(payload.toString("utf8"));
  } catch (cause) {
    throw new ProtocolError(`${name}: not JSON`, { cause });
  }
}

function reader<S extends z.ZodType>(name: string, schema: S): (payload: Buffer) => z.output<S> {
  return (payload) => {
    const parsed = schema.safeParse(readJson(name, payload));
    if (!parsed.success) throw new ProtocolError(`${name}: ${parsed.error.issues[0]?.message ?? "wrong shape"}`, { cause: parsed.error });
    return parsed.data;
  };
}

export const readStarted = reader("started", started);
export const readExit = reader("exit", exit);
export const readGap = reader("gap", gap);
export const readWelcome = reader("welcome", welcome);
export const readRoom = reader("stdin_room", room);
export const readList = reader("list", list);
export const readStats = reader("stats", stats);
/** A `result` that has nothing to say. */
export const readDone = reader("result", z.object({}));

const readError = reader("error", refusal);

/** What an `error` frame says. Throws `ProtocolError` where it says that the server broke the protocol: the agent then closes. */
export function readRefusal(payload: Buffer): AgentRefusal {
  const said = readError(payload);
  if (said.code === "protocol") throw new ProtocolError(`the agent finds the protocol broken: ${said.message}`);
  return said;
}

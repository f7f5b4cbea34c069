import { isUtf8 } from "node:buffer";
import { z } from "zod";
import type { AgentProcess, AgentStats, GapRecord, KnownProcess, LogEntry, ProcessEnd, Started } from "../core/ports/agent-link.ts";
import { AgentRefusal } from "../core/ports/agent-link.ts";
import { ProtocolError } from "./frame.ts";
import { endOf, startedOf } from "./process-frames.ts";

/** JSON payloads that the agent sends, parsed: shapes in agent/PROTOCOL.md. */

const count = z.int().min(0);

/** As it is, inside what else a frame says. */
const exit = z.looseObject({}).transform(endOf);

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

const room = z.object({ bytes: count, taken: count.optional() });

const listening = z
  .object({ ports: z.array(z.object({ port: count, address: z.string(), pid: count.nullable() })) })
  .transform(({ ports }) => ports);

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
  .object({ boot_id: z.string(), idle_ms: count, busy: count, processes: count, log_next: count.optional() })
  .transform((m): AgentStats => ({ bootId: m.boot_id, idleMs: m.idle_ms, busy: m.busy, processes: m.processes, logNext: m.log_next ?? 1 }));

/** What the server keeps of a logged command; the agent keeps no more either. */
const COMMAND_CHARS_MAX = 4096;
const NAME_CHARS_MAX = 200;

const known = z.object({
  id: z.string().max(NAME_CHARS_MAX),
  pid: count,
  tag: z.string().max(NAME_CHARS_MAX),
  cmd: z.string(),
  args: z.array(z.string()),
  started_at_ms: count,
});

/** The head of a command, so that a log cannot fill the database. */
function described(m: z.output<typeof known>): Omit<KnownProcess, "end"> {
  const args: string[] = [];
  let room = COMMAND_CHARS_MAX;
  for (const arg of m.args) {
    if (room <= 0) break;
    args.push(arg.slice(0, room));
    room -= arg.length + 1;
  }
  return { id: m.id, pid: m.pid, tag: m.tag, cmd: m.cmd.slice(0, COMMAND_CHARS_MAX), args, startedAt: m.started_at_ms };
}

const got = z
  .object({ process: known.extend({ running: z.boolean(), exit: exit.optional() }) })
  .transform((m): KnownProcess => ({ ...described(m.process), end: m.process.exit ?? null }));

const position = z.object({ n: count.min(1) });

const entry = z
  .object({
    n: count.min(1),
    kind: z.enum(["started", "ended"]),
    time_ms: count,
    process: known.extend({ by: z.string().max(NAME_CHARS_MAX).nullish() }),
    end: exit.optional(),
  })
  .refine((m) => (m.kind === "ended") === (m.end !== undefined), { error: "an end where it ended, and only there" })
  .transform((m): LogEntry => ({ n: m.n, at: m.time_ms, process: described(m.process), by: m.process.by ?? null, end: m.end ?? null }));

const range = z.object({ from: count, next: count, total: count, ended: z.boolean() });

/** The JSON value of a control payload. Throws `ProtocolError`. */
export function readJson(name: string, payload: Buffer): unknown {
  if (!isUtf8(payload)) throw new ProtocolError(`${name}: not UTF-8`);
  try {
    return JSON.parse(payload.toString("utf8"));
  } catch (cause) {
    throw new ProtocolError(`${name}: not JSON`, { cause });
  }
}

/** Reads a payload of that shape. Throws `ProtocolError`. */
export function reader<S extends z.ZodType>(name: string, schema: S): (payload: Buffer) => z.output<S> {
  return (payload) => {
    const parsed = schema.safeParse(readJson(name, payload));
    if (!parsed.success) throw new ProtocolError(`${name}: ${parsed.error.issues[0]?.message ?? "wrong shape"}`, { cause: parsed.error });
    return parsed.data;
  };
}

export const readStarted = (payload: Buffer): Started => startedOf(readJson("started", payload));
export const readExit = (payload: Buffer): ProcessEnd => endOf(readJson("exit", payload));
export const readGap = reader("gap", gap);
export const readWelcome = reader("welcome", welcome);
export const readRoom = reader("stdin_room", room);
export const readList = reader("list", list);
export const readStats = reader("stats", stats);
export const readKnown = reader("get", got);
export const readPorts = reader("ports", listening);
export const readRange = reader("output", range);
/** Where an entry stands, also when nothing else of it can be understood. */
export const readPosition = reader("entry", position);
export const readEntry = reader("entry", entry);
/** A `result` that has nothing to say. */
export const readDone = reader("result", z.object({}));

const readError = reader("error", refusal);

/** What an `error` frame says. Throws `ProtocolError` where it says that the server broke the protocol: the agent then closes. */
export function readRefusal(payload: Buffer): AgentRefusal {
  const said = readError(payload);
  if (said.code === "protocol") throw new ProtocolError(`the agent finds the protocol broken: ${said.message}`);
  return said;
}

import { PROCESS_REASONS } from "@capsuled/contract";
import type { ProcessEnd, Started } from "../core/ports/agent-link.ts";
import { Fields } from "./fields.ts";

/** The two frames that every command has, `started` and `exit`: shapes in agent/PROTOCOL.md. */

/** The agent's words for what its host did, where callers know it as their own doing. */
const CLIENT_WORDS: readonly string[] = ["cancel", "disconnect"];
/** Bytes of an incomplete UTF-8 sequence. */
const TAIL_BYTES_MAX = 3;
const EXIT_CODE_MAX = 255;

/** Throws `ProtocolError`. */
export function startedOf(value: unknown): Started {
  const m = new Fields("started", value);
  return {
    id: m.text("id"),
    pid: m.count("pid"),
    tag: m.text("tag"),
    nextSeq: m.count("next_seq"),
    startedAt: m.count("started_at_ms"),
    ...(m.get("repeated") !== undefined && m.flag("repeated") && { repeated: true }),
    ...(m.get("pty") !== undefined && { pty: sizeOf(m.inner("pty")) }),
    ...(m.get("stdin") !== undefined && { stdin: inputOf(m.inner("stdin")) }),
  };
}

function sizeOf(m: Fields): NonNullable<Started["pty"]> {
  return { cols: m.count("cols"), rows: m.count("rows") };
}

function inputOf(m: Fields): NonNullable<Started["stdin"]> {
  return {
    bytes: m.count("bytes"),
    queued: m.count("queued"),
    closed: m.flag("closed"),
    isPlaced: m.get("at") !== undefined && m.flag("at"),
  };
}

/** Throws `ProtocolError`. */
export function endOf(value: unknown): ProcessEnd {
  const m = new Fields("exit", value);
  return {
    kind: "exit",
    id: m.text("id"),
    pid: m.count("pid"),
    tag: m.text("tag"),
    seq: m.count("seq"),
    exitCode: m.count("exit_code", EXIT_CODE_MAX),
    signal: m.textOrNull("signal"),
    reason: m.word("reason", PROCESS_REASONS),
    requested: m.get("requested") === null ? null : requestOf(m.inner("requested")),
    oomKills: m.count("oom_kills"),
    durationMs: m.count("duration_ms"),
    startedAt: m.count("started_at_ms"),
    endedAt: m.count("ended_at_ms"),
    stdoutBytes: m.count("stdout_bytes"),
    stderrBytes: m.count("stderr_bytes"),
    lateBytes: m.count("late_bytes"),
    stdoutSha256: m.get("stdout_sha256") === undefined ? null : m.textOrNull("stdout_sha256"),
    stderrSha256: m.get("stderr_sha256") === undefined ? null : m.textOrNull("stderr_sha256"),
    ...(m.get("stdout_tail") !== undefined && { stdoutTail: m.hex("stdout_tail", TAIL_BYTES_MAX) }),
    ...(m.get("stderr_tail") !== undefined && { stderrTail: m.hex("stderr_tail", TAIL_BYTES_MAX) }),
  };
}

function requestOf(m: Fields): NonNullable<ProcessEnd["requested"]> {
  const by = m.text("by");
  return { by: CLIENT_WORDS.includes(by) ? "client" : by, signal: m.text("signal") };
}

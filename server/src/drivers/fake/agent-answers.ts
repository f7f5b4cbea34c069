import type { FakeAgent } from "./agent.ts";
import type { HostFrame } from "./frames.ts";
import type { ExitFacts, FakeProcess } from "./process.ts";
import { getSchema, readPayload, Refusal, shutdownSchema, signalSchema } from "./requests.ts";

export type Question = Exclude<
  HostFrame,
  "hello" | "start" | "attach" | "log" | "output" | "file" | "stdin" | "stdin_at" | "stdin_close" | "cancel" | "resize" | "dial" | "ports"
>;

/** What `started`, `exit`, `list` and `get` all tell of a process. */
export function describe(process: FakeProcess) {
  return {
    id: process.request.id,
    pid: process.pid,
    tag: process.request.tag,
    started_at_ms: process.startedAt,
    ...(process.terminal !== null && { pty: process.terminal.size }),
  };
}

/** What `started` tells of a process's input. */
export function givenTo(process: FakeProcess) {
  const { given } = process.stdin;
  return process.terminal !== null || process.exit !== null || given === undefined ? {} : { stdin: given };
}

/** The `exit` frame's payload. */
export function exitOf(process: FakeProcess, exit: ExitFacts) {
  const { journal } = process;
  return {
    ...describe(process),
    ...exit,
    seq: journal.nextSeq,
    stdout_bytes: journal.stdoutBytes,
    stderr_bytes: journal.stderrBytes,
    late_bytes: 0,
    stdout_sha256: journal.digest("stdout"),
    stderr_sha256: journal.digest("stderr"),
    stdout_tail: Buffer.from(journal.tail("stdout")).toString("hex"),
    stderr_tail: Buffer.from(journal.tail("stderr")).toString("hex"),
  };
}

/** The operations that have one frame for an answer. Throws `Refusal`. */
export function answer(agent: FakeAgent, question: Question, payload: Buffer): object | Promise<object> {
  switch (question) {
    case "list":
      return {
        processes: [...agent.processes.live].map((process) => ({
          ...describe(process),
          ppid: 1,
          cmd: process.request.cmd,
          args: process.request.args,
        })),
      };
    case "get":
      return { process: tell(find(agent, readPayload(getSchema, payload).selector)) };
    case "signal": {
      const { selector, signal, by } = readPayload(signalSchema, payload);
      agent.touch();
      const process = find(agent, selector);
      if (process.exit !== null) throw new Refusal("not_found", "the process has ended", "selector");
      process.signal(signal, by);
      return {};
    }
    case "stats":
      return {
        boot_id: agent.bootId,
        idle_ms: agent.idleMs,
        busy: agent.busy,
        processes: agent.processes.live.size,
        journal_bytes: agent.processes.journalBytes,
        log_next: agent.log.next,
        connections: agent.connections,
      };
    case "touch":
      agent.touch();
      return {};
    case "pause":
      agent.clock.freeze();
      return {};
    case "resume":
      agent.clock.thaw();
      return {};
    case "shutdown": {
      const { reason, grace_ms } = readPayload(shutdownSchema, payload);
      return agent.shutdown(reason, grace_ms).then((ended) => ({ ended }));
    }
  }
}

function find(agent: FakeAgent, selector: string): FakeProcess {
  const process = agent.processes.find(selector);
  if (process === undefined) throw new Refusal("not_found", "no such process", "selector");
  return process;
}

function tell(process: FakeProcess): object {
  const { cmd, args } = process.request;
  const told = { ...describe(process), cmd, args, running: process.exit === null };
  return process.exit === null ? told : { ...told, exit: exitOf(process, process.exit) };
}

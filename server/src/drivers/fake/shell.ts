import { posix } from "node:path";
import { DiskError } from "./disk.ts";
import type { Program, ProgramIo, SignalName } from "./program.ts";
import { Interrupted, SignalDeath, SIGNALS } from "./program.ts";
import type { Command, Redirect, Word } from "./shell-parse.ts";
import { parseShell, ShellSyntaxError } from "./shell-parse.ts";

/** State of one shell. */
interface Session {
  readonly programs: ReadonlyMap<string, Program>;
  cwd: string;
  readonly env: Record<string, string>;
  status: number;
}

/** `exit` was called. */
class Exit extends Error {
  override readonly name = "Exit";
  readonly code: number;
  constructor(code: number) {
    super("exit");
    this.code = code;
  }
}

/** `sh -c TEXT`: the small subset that shell-parse.ts reads; programs run inside the shell's own process. */
export function createShell(programs: ReadonlyMap<string, Program>): Program {
  return async (io) => {
    const at = io.args.findIndex((word) => /^-[a-z]*c$/.test(word));
    const text = io.args[at + 1];
    if (io.args.length === 0) return interact(io, programs);
    if (at === -1 || text === undefined) {
      await io.write("stderr", "sh: the fake driver's shell needs -c\n");
      return 2;
    }
    const session: Session = { programs, cwd: io.cwd, env: { ...io.env }, status: 0 };
    try {
      await runAll(io, session, parseShell(text));
      return session.status;
    } catch (error) {
      if (error instanceof Exit) return error.code;
      if (!(error instanceof ShellSyntaxError)) throw error;
      await io.write("stderr", `sh: ${error.message}\n`);
      return 2;
    }
  };
}

/** Reads commands from standard input, with a prompt where that is a terminal. */
async function interact(io: ProgramIo, programs: ReadonlyMap<string, Program>): Promise<number> {
  const session: Session = { programs, cwd: io.cwd, env: { ...io.env }, status: 0 };
  io.catchInterrupt();
  let rest = "";
  for (;;) {
    try {
      if (io.terminal !== null) await io.write("stderr", "$ ");
      while (!rest.includes("\n")) {
        const bytes = await io.read();
        if (bytes === null) return session.status;
        rest += Buffer.from(bytes).toString();
      }
      const line = rest.slice(0, rest.indexOf("\n"));
      rest = rest.slice(line.length + 1);
      await runAll(io, session, parseShell(line));
    } catch (error) {
      if (error instanceof Exit) return error.code;
      if (error instanceof Interrupted) session.status = 130;
      else if (error instanceof ShellSyntaxError) await io.write("stderr", `sh: ${error.message}\n`);
      else throw error;
    }
  }
}

async function runAll(io: ProgramIo, session: Session, commands: readonly Command[]): Promise<void> {
  for (const command of commands) {
    if (command.when === "success" && session.status !== 0) continue;
    if (command.when === "failure" && session.status === 0) continue;
    session.status = await runCommand(io, session, command);
  }
}

async function runCommand(io: ProgramIo, session: Session, command: Command): Promise<number> {
  try {
    const words = command.words.map((word) => expand(io, session, word));
    const redirected = redirect(io, session, command.redirects);
    const [name, ...args] = words;
    if (name === undefined) return 0;
    const assigned = /^([A-Za-z_][A-Za-z0-9_]*)=([^]*)$/.exec(name);
    if (assigned !== null && args.length === 0) {
      session.env[assigned[1] ?? ""] = assigned[2] ?? "";
      return 0;
    }
    const builtin = Object.hasOwn(BUILTINS, name) ? BUILTINS[name] : undefined;
    if (builtin !== undefined) return await builtin({ ...redirected, args }, session);
    const program = session.programs.get(posix.basename(name));
    if (program !== undefined) return await program({ ...redirected, args, cwd: session.cwd, env: { ...session.env } });
    await redirected.write("stderr", `sh: 1: ${name}: not found\n`);
    return 127;
  } catch (error) {
    if (!(error instanceof DiskError)) throw error;
    await io.write("stderr", `sh: 1: cannot open or write: ${error.message}\n`);
    return 2;
  }
}

const BUILTINS: Readonly<Record<string, (io: ProgramIo, session: Session) => Promise<number>>> = {
  ":": async () => 0,
  exit: async (io, session) => {
    throw new Exit(io.args[0] === undefined ? session.status : Number(io.args[0]) & 255);
  },
  cd: async (io, session) => {
    const path = posix.resolve(session.cwd, io.args[0] ?? session.env["HOME"] ?? "/");
    if (io.disk.hasDirectory(path)) session.cwd = path;
    else await io.write("stderr", `sh: 1: cd: can't cd to ${io.args[0] ?? path}\n`);
    return session.cwd === path ? 0 : 2;
  },
  /** `trap '' TERM` only. */
  trap: async (io) => {
    if (io.args[0] !== "" || !/^(SIG)?TERM$/.test(io.args[1] ?? "")) throw new ShellSyntaxError(`trap ${io.args.join(" ")}`);
    io.ignoreTerm();
    return 0;
  },
  /** `kill -SIGNAL $$` only. */
  kill: async (io) => {
    const [flag = "", pid] = io.args;
    const signal = signalOf(flag.replace(/^-(s )?/, ""));
    if (signal === null || pid !== String(io.pid)) throw new ShellSyntaxError(`kill ${io.args.join(" ")}`);
    throw new SignalDeath(signal);
  },
};

function signalOf(text: string): SignalName | null {
  for (const [name, number] of Object.entries(SIGNALS))
    if (text === name || `SIG${text}` === name || text === String(number)) return isSignal(name) ? name : null;
  return null;
}

function isSignal(name: string): name is SignalName {
  return Object.hasOwn(SIGNALS, name);
}

function expand(io: ProgramIo, session: Session, word: Word): string {
  return word
    .map((part) => {
      if ("text" in part) return part.text;
      if (part.variable === "$") return String(io.pid);
      if (part.variable === "?") return String(session.status);
      return session.env[part.variable] ?? "";
    })
    .join("");
}

type Sink = (bytes: string | Uint8Array) => Promise<void>;

/** The same world with its output sent elsewhere, from left to right as a shell does. */
function redirect(io: ProgramIo, session: Session, redirects: readonly Redirect[]): ProgramIo {
  const sinks: Record<"stdout" | "stderr", Sink> = {
    stdout: (bytes) => io.write("stdout", bytes),
    stderr: (bytes) => io.write("stderr", bytes),
  };
  for (const { stream, to } of redirects) {
    if (typeof to === "string") {
      sinks[stream] = sinks[to];
      continue;
    }
    const path = posix.resolve(session.cwd, expand(io, session, to.file));
    if (!to.append || !io.disk.hasFile(path)) io.disk.truncate(path);
    sinks[stream] = async (bytes) => io.disk.append(path, Buffer.from(bytes));
  }
  return { ...io, write: (kind, bytes) => sinks[kind](bytes) };
}

import { posix } from "node:path";
import { DiskError } from "./disk.ts";
import type { Program, ProgramIo } from "./program.ts";
import { SignalDeath } from "./program.ts";
import { format, unescape } from "./printf.ts";
import { createShell } from "./shell.ts";

const LINE_BLOCK_BYTES = 16 * 1024;

async function usage(io: ProgramIo, message: string): Promise<number> {
  await io.write("stderr", `${message}\n`);
  return 1;
}

const echo: Program = async (io) => {
  let words = io.args;
  let end = "\n";
  let escapes = false;
  for (; words[0] === "-n" || words[0] === "-e"; words = words.slice(1)) {
    if (words[0] === "-n") end = "";
    else escapes = true;
  }
  const text = words.join(" ");
  await io.write("stdout", Buffer.concat([escapes ? unescape(text) : Buffer.from(text), Buffer.from(end)]));
  return 0;
};

const printf: Program = async (io) => {
  const [pattern, ...values] = io.args;
  if (pattern === undefined) return usage(io, "printf: missing operand");
  await io.write("stdout", format(pattern, values));
  return 0;
};

const sleep: Program = async (io) => {
  const [seconds] = io.args;
  if (seconds === "infinity") for (;;) await io.sleep(3_600_000);
  const amount = Number(seconds);
  if (seconds === undefined || !Number.isFinite(amount) || amount < 0) return usage(io, `sleep: invalid time interval '${seconds ?? ""}'`);
  await io.sleep(amount * 1000);
  return 0;
};

const cat: Program = async (io) => {
  let code = 0;
  for (const name of io.args.length === 0 ? ["-"] : io.args) {
    if (name === "-") {
      for (let bytes = await io.read(); bytes !== null; bytes = await io.read()) await io.write("stdout", bytes);
      continue;
    }
    try {
      await io.write("stdout", io.disk.read(posix.resolve(io.cwd, name)));
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
      code = await usage(io, `cat: ${name}: ${error.message}`);
    }
  }
  return code;
};

/** `yes` prints `y` for ever; `yes N`, unlike the real one, N times. */
const yes: Program = async (io) => {
  const block = "y\n".repeat(LINE_BLOCK_BYTES / 2);
  let left = io.args[0] === undefined ? Infinity : Number(io.args[0]);
  if (Number.isNaN(left)) return usage(io, "yes: the fake driver's takes a number of lines");
  for (; left > 0; left -= block.length / 2) await io.write("stdout", left * 2 >= block.length ? block : "y\n".repeat(left));
  return 0;
};

const seq: Program = async (io) => {
  const last = Number(io.args[0]);
  if (!Number.isInteger(last)) return usage(io, "seq: the fake driver's takes one whole number");
  let block = "";
  for (let n = 1; n <= last; n += 1) {
    block += `${n}\n`;
    if (block.length < LINE_BLOCK_BYTES && n < last) continue;
    await io.write("stdout", block);
    block = "";
  }
  return 0;
};

const environment: Program = async (io) => {
  await io.write(
    "stdout",
    Object.entries(io.env)
      .map(([name, value]) => `${name}=${value}\n`)
      .join(""),
  );
  return 0;
};

const pwd: Program = async (io) => {
  await io.write("stdout", `${io.cwd}\n`);
  return 0;
};

/** `stty size` only. */
const stty: Program = async (io) => {
  if (io.terminal === null) return usage(io, "stty: standard input: Inappropriate ioctl for device");
  if (io.args[0] !== "size") return usage(io, "stty: the fake driver's knows `size` only");
  await io.write("stdout", `${io.terminal.size.rows} ${io.terminal.size.cols}\n`);
  return 0;
};

/** `mkdir` and `rm` of one path each. */
function onPath(name: string, act: (io: ProgramIo, path: string) => void): Program {
  return async (io) => {
    const path = io.args.find((word) => !word.startsWith("-"));
    if (path === undefined) return usage(io, `${name}: missing operand`);
    try {
      act(io, posix.resolve(io.cwd, path));
      return 0;
    } catch (error) {
      if (error instanceof DiskError) return usage(io, `${name}: '${path}': ${error.message}`);
      throw error;
    }
  };
}

const BUILT_IN: Readonly<Record<string, Program>> = {
  true: async () => 0,
  false: async () => 1,
  echo,
  printf,
  sleep,
  cat,
  yes,
  seq,
  env: environment,
  pwd,
  stty,
  mkdir: onPath("mkdir", (io, path) => io.disk.makeDirectory(path)),
  rm: onPath("rm", (io, path) => io.disk.remove(path)),
  /** Dies as one that the kernel kills for want of memory. */
  "fake-oom": async () => {
    throw new SignalDeath("SIGKILL", true);
  },
};

/** Programs by name. */
export type Programs = ReadonlyMap<string, Program>;

/** The programs that every fake capsule has, and `extra` ones; the shell finds both. */
export function createPrograms(extra: Readonly<Record<string, Program>> = {}): Programs {
  const programs = new Map<string, Program>(Object.entries({ ...BUILT_IN, ...extra }));
  const shell = createShell(programs);
  return programs.set("sh", shell).set("bash", shell);
}

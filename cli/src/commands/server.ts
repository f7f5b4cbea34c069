import { spawn } from "node:child_process";
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "capsuled";
import type { Command } from "../command.ts";
import type { Context } from "../context.ts";
import { EXIT, ExitError } from "../exit.ts";
import { invocationOf } from "../invocation.ts";
import { findRunningServer, isAlive, pidFileOf } from "../running-server.ts";
import { requireServerProgram } from "../server-program.ts";

/** The first start builds a template. */
const START_MS = 900_000;
const STOP_MS = 30_000;
const LOOK_MS = 100;

function dataDir(process: NodeJS.Process): string {
  const given = process.env["CAPSULED_DATA_DIR"];
  if (given !== undefined && given !== "") return given;
  if (process.getuid?.() === 0) return "/var/lib/capsuled";
  const data = process.env["XDG_DATA_HOME"];
  return data !== undefined && data !== "" ? join(data, "capsuled") : join(homedir(), ".local/share/capsuled");
}

export const start: Command = {
  name: "start",
  summary: "Start the server on this machine, in the background",
  usage: "[-- SERVER-OPTION…]",
  elsewhere: "a halted capsule is booted by `capsuled boot CAPSULE`, and a paused one goes on by `capsuled resume CAPSULE`",
  arguments: [0, 0],
  takesRest: true,
  examples: ["sudo capsuled start", "sudo capsuled start -- --port 9000"],
  async run(context, given) {
    const { process } = context;
    const program = requireServerProgram(process);
    const dir = dataDir(process);
    makeDataDir(dir);
    const pidFile = pidFileOf(dir);
    const running = findRunningServer(dir);
    if (running !== null) {
      const where = running.url === null ? "" : `, and listens on ${running.url}`;
      throw new ExitError(
        EXIT.failure,
        `A server runs already, with the pid ${running.pid}${where}. \`${toRun(process, "stop")}\` stops it.`,
      );
    }
    const logFile = process.env["CAPSULED_LOG_FILE"] || join(dir, "server.log");
    // What it says to people, and its last words where it has to die: no more than a page for each start.
    const saidFile = join(dir, "server.out");
    const said = openSync(saidFile, "w", 0o600);
    const child = spawn(process.execPath, [program, ...(given.rest ?? [])], {
      detached: true,
      stdio: ["ignore", said, said],
      env: { ...process.env, CAPSULED_LOG_FILE: logFile },
    });
    closeSync(said);
    child.unref();
    if (child.pid === undefined) throw new ExitError(EXIT.failure, "The server could not be started.");
    writeFileSync(pidFile, String(child.pid), { mode: 0o600 });
    const url = await listening(context, child.pid, saidFile, logFile).catch((error: unknown) => {
      if (child.exitCode !== null || child.signalCode !== null) rmSync(pidFile, { force: true });
      throw error;
    });
    context.show({ url, pid: child.pid, log: logFile }, () =>
      [
        `listening on ${url}`,
        `its log: ${logFile}`,
        "",
        "try it:",
        `  ${toRun(process, "run -- echo hello")}`,
        "stop it:",
        `  ${toRun(process, "stop")}`,
      ].join("\n"),
    );
  },
};

/** A command for the server of this data directory, as it works when it is pasted where this one was typed. */
function toRun(process: NodeJS.Process, command: string): string {
  const { env } = process;
  const dataDir = env["CAPSULED_DATA_DIR"] ?? "";
  // An address in the environment would win over the one that the server has told.
  const url = (env["CAPSULED_URL"] ?? "") === "" ? [] : ["CAPSULED_URL="];
  const sudo = (env["SUDO_USER"] ?? "") === "" ? [] : ["sudo"];
  const settings = [...url, ...(dataDir === "" ? [] : [`CAPSULED_DATA_DIR=${quoted(dataDir)}`])];
  return [...sudo, ...settings, invocationOf(process), command].join(" ");
}

/** As a shell takes it for one word. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function makeDataDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o711 });
    accessSync(dir, constants.W_OK | constants.X_OK);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    const why = code === "EACCES" ? "this user may not write there" : code === "EROFS" ? "it cannot be written to" : String(error);
    throw new ExitError(
      EXIT.unavailable,
      `The data directory ${dir} cannot be used: ${why}. Start the server as root (with sudo), or set CAPSULED_DATA_DIR.`,
    );
  }
}

/** Waits until the server listens, and passes on what it says to people meanwhile. */
async function listening(context: Context, pid: number, saidFile: string, logFile: string): Promise<string> {
  let told = 0;
  for (const until = Date.now() + START_MS; Date.now() < until; await sleep(LOOK_MS)) {
    const hasEnded = !isAlive(pid);
    const lines = readFileSync(saidFile, "utf8").split("\n").slice(0, -1);
    for (const line of lines.slice(told)) {
      const url = /^listening on (http:\/\/\S+)/.exec(line)?.[1];
      if (url !== undefined) return url;
      if (line !== "") context.note(line);
    }
    told = lines.length;
    if (hasEnded)
      throw new ExitError(
        EXIT.unavailable,
        `The server has ended at its start; what it said is above and in ${saidFile}, its log in ${logFile}.`,
      );
  }
  throw new ExitError(EXIT.timeout, `The server does not listen yet; ${saidFile} and ${logFile} tell why.`);
}

export const stop: Command = {
  name: "stop",
  summary: "Stop the server of this machine's data directory; capsules go on, unless --capsules",
  usage: "[--capsules]",
  options: { capsules: { type: "boolean", help: "Destroy the team's capsules first." } },
  elsewhere: "a capsule is ended by `capsuled halt CAPSULE`, which keeps its disk, or by `capsuled rm CAPSULE`",
  arguments: [0, 0],
  examples: ["sudo capsuled stop", "sudo capsuled stop --capsules"],
  async run(context, given) {
    const dir = dataDir(context.process);
    const running = findRunningServer(dir);
    if (running === null) throw new ExitError(EXIT.failure, await whyNone(context, dir));
    const { pid, isOurs } = running;
    if (given.flag("capsules")) {
      const client = new Client(context.connection);
      for await (const { id } of client.capsules.list()) await (await client.capsules.connect(id)).destroy();
    }
    try {
      process.kill(pid, "SIGTERM");
    } catch {
      throw new ExitError(EXIT.noPermission, `The server (pid ${pid}) is another user's: stop it as that user, or as root (with sudo).`);
    }
    for (const until = Date.now() + STOP_MS; isAlive(pid); await sleep(LOOK_MS)) {
      if (Date.now() > until) throw new ExitError(EXIT.timeout, `The server (${pid}) does not end.`);
    }
    rmSync(pidFileOf(dir), { force: true });
    context.show({ pid, stopped: true }, () =>
      isOurs ? "stopped" : `stopped the server of ${dir} (pid ${pid}), which was not started by \`capsuled start\``,
    );
  },
};

/** What to do where no server uses the data directory; one that answers all the same is another one. */
async function whyNone(context: Context, dir: string): Promise<string> {
  const none = `No server uses the data directory ${dir}.`;
  try {
    const client = new Client({ ...context.connection, apiKey: null, retryForMs: 0, requestTimeoutMs: 2_000, warn: () => {} });
    await client.system.health();
    return `${none} The one that answers at ${client.url} is another: stop it where it was started (Ctrl-C in its terminal, or its service manager), or say which directory it has: CAPSULED_DATA_DIR=… capsuled stop.`;
  } catch {
    return `${none} One with another directory: CAPSULED_DATA_DIR=… capsuled stop.`;
  }
}

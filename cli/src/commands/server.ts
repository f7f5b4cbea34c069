import { spawn } from "node:child_process";
import { accessSync, closeSync, constants, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "capsuled";
import type { schemas } from "capsuled";
import type { Command, Given } from "../command.ts";
import type { Context } from "../context.ts";
import { hintFor } from "../docker-habits.ts";
import { EXIT, ExitError } from "../exit.ts";
import { asTyped } from "../invocation.ts";
import { findRunningServer, isAlive, pidFileOf, runningServers } from "../running-server.ts";
import type { RunningServer } from "../running-server.ts";
import { requireServerProgram } from "../server-program.ts";
import { plain } from "../table.ts";
import { toRun } from "../to-run.ts";

/** The first start builds a template. */
const START_MS = 900_000;
const STOP_MS = 30_000;
const LOOK_MS = 100;
/** What a count of the capsules may take, without which the server is stopped as well. */
const COUNT_MS = 2_000;

/** The data directory that is meant: `given`, else the environment's, else where servers keep it. */
function dataDir(process: NodeJS.Process, given: string | undefined): string {
  if (given !== undefined) return resolve(given);
  return usualDataDir(process);
}

function usualDataDir(process: NodeJS.Process): string {
  const given = process.env["CAPSULED_DATA_DIR"];
  if (given !== undefined && given !== "") return given;
  if (process.getuid?.() === 0) return "/var/lib/capsuled";
  const data = process.env["XDG_DATA_HOME"];
  return data !== undefined && data !== "" ? join(data, "capsuled") : join(homedir(), ".local/share/capsuled");
}

export const start: Command = {
  name: "start",
  summary: "Start the server on this machine, in the background",
  usage: "[--port PORT] [--data-dir DIR] [-- SERVER-OPTION…]",
  options: {
    port: { type: "string", value: "PORT", help: "Where it listens; 8080 by default, 0 for any that is free." },
    host: { type: "string", value: "ADDRESS", help: "On which address; 127.0.0.1 by default." },
    "data-dir": { type: "string", value: "DIR", help: "Where it keeps its data; CAPSULED_DATA_DIR." },
  },
  hints: hintFor("a server is always started in the background", "-d", "--detach"),
  elsewhere: "a halted capsule is booted by `capsuled boot CAPSULE`, and a paused one goes on by `capsuled resume CAPSULE`",
  arguments: [0, 0],
  takesRest: true,
  examples: ["sudo capsuled start", "sudo capsuled start --port 9000"],
  async run(context, given) {
    const { process } = context;
    const program = requireServerProgram(process);
    const place = given.text("data-dir") ?? valueOf("--data-dir", given.rest ?? []);
    const dir = dataDir(process, place);
    const meant = { dataDir: place === undefined ? undefined : dir };
    makeDataDir(dir);
    const pidFile = pidFileOf(dir);
    const running = findRunningServer(dir);
    if (running !== null) {
      const where = running.url === null ? "" : `, and listens on ${running.url}`;
      throw new ExitError(
        EXIT.failure,
        `A server runs already, with the pid ${running.pid}${where}. \`${toRun(process, "stop", meant)}\` stops it.`,
      );
    }
    const logFile = process.env["CAPSULED_LOG_FILE"] || join(dir, "server.log");
    // What it says to people, and its last words where it has to die: no more than a page for each start.
    const saidFile = join(dir, "server.out");
    const said = openSync(saidFile, "w", 0o600);
    // Node's own code in large pages, where the host gives them: a twelfth less of the server's time. Where it does not, nothing is said.
    const child = spawn(process.execPath, ["--use-largepages=silent", program, ...optionsOf(given, dir)], {
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
        `  ${toRun(process, "run -- echo hello", meant)}`,
        "stop it:",
        `  ${toRun(process, "stop", meant)}`,
      ].join("\n"),
    );
  },
};

/** What the server is started with. */
function optionsOf(given: Given, dir: string): readonly string[] {
  const options = (["port", "host"] as const).flatMap((name) => {
    const value = given.text(name);
    return value === undefined ? [] : [`--${name}=${value}`];
  });
  return [...options, ...(given.text("data-dir") === undefined ? [] : [`--data-dir=${dir}`]), ...(given.rest ?? [])];
}

/** The value of an option among others, which a server reads as `--name value` and `--name=value`. */
function valueOf(option: string, words: readonly string[]): string | undefined {
  const at = words.indexOf(option);
  return at === -1 ? words.find((word) => word.startsWith(`${option}=`))?.slice(option.length + 1) : words[at + 1];
}

function makeDataDir(dir: string): void {
  // The server refuses it as well, but would have its log there by then.
  if (!isAbsolute(dir)) throw new ExitError(EXIT.config, `CAPSULED_DATA_DIR: ${JSON.stringify(dir)} must be an absolute path`);
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
  usage: "[--capsules] [--data-dir DIR]",
  options: {
    capsules: { type: "boolean", help: "Destroy the team's capsules first." },
    "data-dir": { type: "string", value: "DIR", help: "The server's data directory; CAPSULED_DATA_DIR." },
  },
  elsewhere: "a capsule is ended by `capsuled halt CAPSULE`, which keeps its disk, or by `capsuled rm CAPSULE`",
  arguments: [0, 0],
  examples: ["sudo capsuled stop", "sudo capsuled stop --capsules"],
  async run(context, given) {
    const dir = dataDir(context.process, given.text("data-dir"));
    const running = findRunningServer(dir);
    if (running === null) throw new ExitError(EXIT.failure, await whyNone(context, dir));
    const { pid, isOurs } = running;
    const destroyed = given.flag("capsules") ? await destroyAll(context, dir, running) : [];
    const left = given.flag("capsules") ? 0 : await countAlive(context, dir, running);
    try {
      process.kill(pid, "SIGTERM");
    } catch {
      throw new ExitError(EXIT.noPermission, `The server (pid ${pid}) is another user's: stop it as that user, or as root (with sudo).`);
    }
    for (const until = Date.now() + STOP_MS; isAlive(pid); await sleep(LOOK_MS)) {
      if (Date.now() > until) throw new ExitError(EXIT.timeout, `The server (${pid}) does not end.`);
    }
    rmSync(pidFileOf(dir), { force: true });
    const notOurs = `stopped the server of ${dir} (pid ${pid}), which was not started by \`capsuled start\``;
    const done = `${isOurs ? "stopped" : asTyped(context.process, notOurs)}${goOnSaying(left)}`;
    context.show({ pid, stopped: true, destroyed: destroyed.map(({ id }) => id) }, () =>
      [...(given.flag("capsules") ? [destroyedSaying(destroyed)] : []), done].join("\n"),
    );
  },
};

/**
 * Destroys the team's capsules of the server that is stopped, and of no other one that the environment or the configuration may name;
 * gives those that are gone.
 */
async function destroyAll(context: Context, dir: string, { url }: RunningServer): Promise<readonly schemas.Capsule[]> {
  if (url === null) throw new ExitError(EXIT.failure, `The server of ${dir} does not listen yet: nothing was destroyed, and it goes on.`);
  const named = context.isServerNamed ? context.connection.url : undefined;
  if (named !== undefined && addressOf(named) !== addressOf(url))
    throw new ExitError(
      EXIT.usage,
      `--capsules destroys those of the server that is stopped, ${url}, and another one is named: ${plain(named)}. Nothing was done; \`${toRun(context.process, `stop --capsules --server ${url}`, { dataDir: dir })}\` means this one.`,
    );
  const client = new Client(context.connectionTo(url, dir));
  const gone: schemas.Capsule[] = [];
  for await (const capsule of client.capsules.list()) {
    await (await client.capsules.connect(capsule.id)).destroy();
    gone.push(capsule);
  }
  return gone;
}

/** The team's capsules that go on without their server; 0 where that cannot be said. */
async function countAlive(context: Context, dir: string, { url }: RunningServer): Promise<number> {
  if (url === null) return 0;
  try {
    const client = new Client({ ...context.connectionTo(url, dir), retryForMs: 0, requestTimeoutMs: COUNT_MS, warn: () => {} });
    let count = 0;
    for await (const { status } of client.capsules.list()) if (status === "running" || status === "paused") count += 1;
    return count;
  } catch {
    return 0;
  }
}

/** By which two URLs are compared: this machine has several names for itself. */
function addressOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin.replace("//localhost", "//127.0.0.1") : url;
}

function goOnSaying(count: number): string {
  if (count === 0) return "";
  const [what, verb, which] = count === 1 ? ["capsule", "goes", "it"] : ["capsules", "go", "them"];
  return `; ${count} ${what} ${verb} on, and \`stop --capsules\` would have destroyed ${which} first`;
}

function destroyedSaying(gone: readonly schemas.Capsule[]): string {
  if (gone.length === 0) return "there was no capsule to destroy";
  return gone.map(({ id, name }) => `${name === null ? id : `${plain(name)} (${id})`} destroyed`).join("\n");
}

/** What to do where no server uses the data directory; one that answers all the same is another one. */
async function whyNone(context: Context, dir: string): Promise<string> {
  const none = `No server uses the data directory ${dir}.`;
  const others = runningServers().map(
    ({ pid, dataDir: place }) => `\n  ${toRun(context.process, "stop", { dataDir: place })}   (pid ${pid})`,
  );
  if (others.length > 0)
    return `${none} There ${others.length === 1 ? "is another one, which this stops" : "are others, which these stop"}:${others.join("")}`;
  try {
    const client = new Client({ ...context.connection, apiKey: null, retryForMs: 0, requestTimeoutMs: 2_000, warn: () => {} });
    await client.system.health();
    return `${none} The one that answers at ${client.url} is another: stop it where it was started (Ctrl-C in its terminal, or its service manager), or say which directory it has: CAPSULED_DATA_DIR=… capsuled stop.`;
  } catch {
    return `${none} One with another directory: CAPSULED_DATA_DIR=… capsuled stop.`;
  }
}

import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "capsuled";
import type { Command } from "../command.ts";
import { EXIT, ExitError } from "../exit.ts";
import { withProgress } from "../progress.ts";

/** The server's program in a clone; published, this program stands alone. */
const MAIN = fileURLToPath(new URL("../../../server/src/main.ts", import.meta.url));
/** The first start builds a template. */
const START_MS = 900_000;
const STOP_MS = 30_000;
const LOOK_MS = 100;

function dataDir(process: NodeJS.Process): string {
  const given = process.env["CAPSULED_DATA_DIR"];
  if (given !== undefined && given !== "") return given;
  return process.getuid?.() === 0 ? "/var/lib/capsuled" : join(homedir(), ".local/share/capsuled");
}

export const start: Command = {
  name: "start",
  summary: "Start the server on this machine, in the background",
  usage: "[-- SERVER-OPTION…]",
  arguments: [0, 0],
  takesRest: true,
  examples: ["sudo capsuled start", "sudo capsuled start -- --port 9000"],
  async run(context, given) {
    const { process } = context;
    if (!existsSync(MAIN)) {
      throw new ExitError(
        EXIT.unavailable,
        "The server is not installed beside this program: clone its repository, and `npm start` in it.",
      );
    }
    const dir = dataDir(process);
    mkdirSync(dir, { recursive: true, mode: 0o711 });
    const pidFile = join(dir, "server.pid");
    const running = pidIn(pidFile);
    if (running !== null) throw new ExitError(EXIT.failure, `A server runs already, with the pid ${running}.`);
    const logFile = join(dir, "server.log");
    const log = openSync(logFile, "a", 0o600);
    const child = spawn(process.execPath, [MAIN, ...(given.rest ?? [])], { detached: true, stdio: ["ignore", log, log], env: process.env });
    closeSync(log);
    child.unref();
    if (child.pid === undefined) throw new ExitError(EXIT.failure, "The server could not be started.");
    writeFileSync(pidFile, String(child.pid), { mode: 0o600 });
    const from = readFileSync(logFile, "utf8").length;
    const url = await withProgress(
      context,
      `starting; ${logFile} tells how it goes`,
      listening(child.pid, logFile, Math.max(0, from - 4096)),
    );
    context.show({ url, pid: child.pid, log: logFile }, () => `listening on ${url}`);
  },
};

async function listening(pid: number, logFile: string, from: number): Promise<string> {
  for (const until = Date.now() + START_MS; Date.now() < until; await sleep(LOOK_MS)) {
    const text = readFileSync(logFile, "utf8").slice(from);
    const url = /listening on (http:\/\/\S+)/g.exec(text)?.[1];
    if (url !== undefined) return url;
    if (!isAlive(pid)) throw new ExitError(EXIT.unavailable, `The server has ended at its start:\n${text.slice(-2000)}`);
  }
  throw new ExitError(EXIT.timeout, `The server does not listen yet; ${logFile} tells why.`);
}

export const stop: Command = {
  name: "stop",
  summary: "Stop the server that `start` started; capsules go on, unless --capsules",
  usage: "[--capsules]",
  options: { capsules: { type: "boolean", help: "Destroy the team's capsules first." } },
  arguments: [0, 0],
  examples: ["sudo capsuled stop", "sudo capsuled stop --capsules"],
  async run(context, given) {
    const pidFile = join(dataDir(context.process), "server.pid");
    const pid = pidIn(pidFile);
    if (pid === null) throw new ExitError(EXIT.failure, `No server runs that \`capsuled start\` started (${pidFile}).`);
    if (given.flag("capsules")) {
      const client = new Client(context.connection);
      for await (const { id } of client.capsules.list()) await (await client.capsules.connect(id)).destroy();
    }
    process.kill(pid, "SIGTERM");
    for (const until = Date.now() + STOP_MS; isAlive(pid); await sleep(LOOK_MS)) {
      if (Date.now() > until) throw new ExitError(EXIT.timeout, `The server (${pid}) does not end.`);
    }
    rmSync(pidFile, { force: true });
    context.show({ pid, stopped: true }, () => "stopped");
  },
};

/** The pid in a file, where that process runs and is a server. */
function pidIn(file: string): number | null {
  try {
    const pid = Number(readFileSync(file, "utf8"));
    return Number.isInteger(pid) && pid > 1 && isAlive(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("server/src/main.ts")
      ? pid
      : null;
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    // A child of ours that has ended and was not waited for yet is no server.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}

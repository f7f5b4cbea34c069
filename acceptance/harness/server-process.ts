import { spawn } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { isAlive, waitUntil } from "./wait.ts";

const MAIN = fileURLToPath(new URL("../../server/src/main.ts", import.meta.url));

export interface ServerSettings {
  readonly dataDir: string;
  /** 0 takes any. */
  readonly port: number;
  /** Where its log goes, appended. */
  readonly logFile: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Path of the network namespace that it runs in; this process's own when left out. */
  readonly netns?: string;
}

export interface ServerProcess {
  readonly pid: number;
  readonly url: string;
}

/** The origin that the server under test lets pages of use it; a browser is told where it is. */
export const PAGES_ORIGIN = "http://pages.test";

/** Ended runs that the server under test keeps of a team: more than a test makes that looks at its first ones. */
export const TEAM_RUNS_MAX = 400;

/** A variable that no process in a capsule may ever see. */
export const HOST_CANARY = "capsuled-host-canary";

/** Starts the real server as its users do and waits until it listens. Building a template may take minutes. */
export async function startServer(settings: ServerSettings, timeoutMs = 600_000): Promise<ServerProcess> {
  const from = fileLength(settings.logFile);
  const child = spawnServer(settings);
  const pid = child.pid;
  if (pid === undefined) throw new Error("the server could not be spawned");
  const url = await waitUntil(
    () => {
      const text = readFileSync(settings.logFile, "utf8").slice(from);
      if (!isAlive(pid)) throw new Error(`the server ended at its start:\n${text}`);
      return /listening on (http:\/\/[0-9a-zA-Z.:[\]]+)/.exec(text)?.[1];
    },
    { what: "the server's `listening on` line", timeoutMs },
  );
  return { pid, url };
}

/** Starts a server that is expected to refuse; answers its exit code and what it said. */
export async function startRefused(settings: ServerSettings): Promise<{ readonly code: number | null; readonly said: string }> {
  const from = fileLength(settings.logFile);
  const child = spawnServer(settings);
  const code = await new Promise<number | null>((done, failed) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      failed(new Error("a server that should have refused to start went on"));
    }, 30_000);
    child.once("exit", (status) => {
      clearTimeout(timer);
      done(status);
    });
  });
  return { code, said: readFileSync(settings.logFile, "utf8").slice(from) };
}

/** Spawns a server without waiting for anything; for those that end it before it listens. */
export function spawnServer(settings: ServerSettings): ReturnType<typeof spawn> {
  const log = openSync(settings.logFile, "a", 0o600);
  try {
    const inside = settings.netns === undefined ? [] : ["nsenter", `--net=${settings.netns}`, "--"];
    const [program, ...args] = [...inside, process.execPath, MAIN];
    const child = spawn(program, args, {
      stdio: ["ignore", log, log],
      detached: true,
      env: {
        ...inherited(),
        HOME: "/root",
        HOST_CANARY,
        CAPSULED_DATA_DIR: settings.dataDir,
        CAPSULED_PORT: String(settings.port),
        CAPSULED_TEMPLATES: "minimal",
        CAPSULED_CORS_ORIGINS: PAGES_ORIGIN,
        CAPSULED_NOTIFY_PRIVATE: "true",
        CAPSULED_TEAM_RUNS_MAX: String(TEAM_RUNS_MAX),
        // What builds keep for later ones would be taken for something that a test left.
        CAPSULED_TEMPLATE_CACHE_MB: "0",
        CAPSULED_IMAGE_PRIVATE: "true",
        ...settings.env,
      },
    });
    child.unref();
    return child;
  } finally {
    closeSync(log);
  }
}

/**
 * What a server needs of its surroundings: programs, and the way to packages for its first template; and which runtime the tests are
 * to be run with, which database, and without a network where the kernel has no nftables.
 */
function inherited(): Record<string, string> {
  const names = [
    "CAPSULED_RUNTIME",
    "CAPSULED_NETWORK",
    "CAPSULED_DATABASE_URL",
    "PATH",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
  ];
  return Object.fromEntries(names.flatMap((name) => (process.env[name] === undefined ? [] : [[name, process.env[name]]])));
}

/** Signals a server and waits for its end. */
export async function endServer(pid: number, signal: "SIGTERM" | "SIGKILL", timeoutMs = 20_000): Promise<void> {
  if (!isAlive(pid)) return;
  process.kill(pid, signal);
  await waitUntil(() => (isAlive(pid) ? undefined : true), { what: `the server's end after ${signal}`, timeoutMs });
}

export function readAdminKey(dataDir: string): string {
  return readFileSync(join(dataDir, "admin-key"), "utf8").trim();
}

function fileLength(file: string): number {
  try {
    return readFileSync(file, "utf8").length;
  } catch {
    return 0;
  }
}

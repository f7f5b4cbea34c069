import { readFileSync } from "node:fs";
import { checkHost } from "./check-host.ts";
import { renderHelp } from "./config/describe.ts";
import { loadConfig } from "./config/load.ts";
import type { Config } from "./config/schema.ts";
import { StoreUnavailableError } from "./core/capsule/store.ts";
import type { Server } from "./server.ts";
import { startServer } from "./server.ts";
import { CannotStartError } from "./start-up.ts";
import { DataDirError } from "./store/data-dir.ts";
import { SchemaMismatchError } from "./store/migrate.ts";
import { createLogFile } from "./telemetry/log-file.ts";
import { createLogger } from "./telemetry/logger.ts";
import { tellUnforeseen } from "./telemetry/unforeseen.ts";

/** Exit codes as sysexits.h names them: a wrong setting, and something that the host lacks. */
const EXIT = { config: 78, unavailable: 69, failure: 1 } as const;

/** The server as a command: reads settings, starts, and stops at SIGTERM and SIGINT. Sets the exit code. */
export async function runCommand(process: NodeJS.Process): Promise<void> {
  const complain = (line: string): void => void process.stderr.write(`capsuled: ${line}\n`);
  try {
    await command(process, complain);
  } catch (error) {
    if (isExplained(error)) for (const line of error.message.split("\n")) complain(line);
    else complain(error instanceof Error ? (error.stack ?? error.message) : String(error));
    process.exit(isExplained(error) ? EXIT.unavailable : EXIT.failure);
  }
}

async function command(process: NodeJS.Process, complain: (line: string) => void): Promise<void> {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const version = readVersion();
  const loaded = loadConfig({ argv: process.argv.slice(2), env: process.env, isRoot: process.getuid?.() === 0 });
  switch (loaded.kind) {
    case "help":
      return say(renderHelp());
    case "version":
      return say(version);
    case "invalid":
      for (const problem of loaded.problems) complain(problem);
      process.exitCode = EXIT.config;
      return;
    case "check": {
      const report = await checkHost(loaded.config, createLogger({ level: "silent" }));
      if (!report.ok) process.exitCode = EXIT.unavailable;
      return say(JSON.stringify({ version, ...report }));
    }
    case "config":
      for (const warning of loaded.warnings) complain(warning);
      return serve(process, loaded.config, version, say);
  }
}

async function serve(process: NodeJS.Process, config: Config, version: string, say: (line: string) => void): Promise<void> {
  const log = createLogger({ level: config.logLevel, ...(config.logFile !== null && { destination: logFileOf(config.logFile, config) }) });
  tellUnforeseen(process, log);
  const server = await startServer({ config, version, log, say, buildEnv: proxies(process.env) });
  say(welcome(server));
  let stopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, "stopping; capsules go on running");
    void server.close().then(() => process.exit(0));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
}

function logFileOf(path: string, { logFileMb }: Config): ReturnType<typeof createLogFile> {
  try {
    return createLogFile(path, logFileMb * 1024 * 1024);
  } catch (error) {
    throw new CannotStartError(`the log cannot be written to ${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function welcome(server: Server): string {
  return [
    "",
    `listening on ${server.url}`,
    `the key of the first team is in ${server.adminKeyPath}`,
    "",
    "try it:",
    `  export CAPSULED_URL=${server.url} CAPSULED_API_KEY=$(cat ${server.adminKeyPath})`,
    '  curl -X POST $CAPSULED_URL/v1/capsules -H "X-API-Key: $CAPSULED_API_KEY"',
    "",
  ].join("\n");
}

/** The proxies of this host, for those who fetch packages. */
function proxies(env: NodeJS.ProcessEnv): Record<string, string> {
  const names = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}

function readVersion(): string {
  const text: unknown = JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8"));
  return typeof text === "object" && text !== null && "version" in text && typeof text.version === "string" ? text.version : "unknown";
}

/** Errors whose message says what to do; a stack would only hide it. */
function isExplained(error: unknown): error is Error {
  return [CannotStartError, DataDirError, StoreUnavailableError, SchemaMismatchError].some((kind) => error instanceof kind);
}

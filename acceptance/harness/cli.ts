import { spawn } from "node:child_process";
import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { readState } from "./state.ts";

/** The program as a clone has it. */
export const CLI = fileURLToPath(new URL("../../cli/src/main.ts", import.meta.url));

/** Beside the run's other files, and gone with them. */
const CACHE = join(dirname(process.env["CAPSULED_TEST_STATE"] ?? tmpdir()), "compile-cache");

export interface CliEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliRun {
  readonly child: ChildProcessWithoutNullStreams;
  readonly ended: Promise<CliEnd>;
  /** Resolves when this has been printed on standard output. */
  printed(text: string): Promise<void>;
  /** The same for standard error. */
  said(text: string): Promise<void>;
}

/** Starts the program as a user would, with the server under test in its environment. */
export function startCli(
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
  program: readonly string[] = [process.execPath, CLI],
): CliRun {
  const { url, adminKey } = readState();
  const [command = "", ...first] = program;
  const child = spawn(command, [...first, ...args], {
    env: {
      PATH: process.env["PATH"] ?? "",
      HOME: "/nonexistent",
      NODE_COMPILE_CACHE: CACHE,
      CAPSULED_URL: url,
      CAPSULED_API_KEY: adminKey,
      ...env,
    },
  });
  let stdout = "";
  let stderr = "";
  const waiting = new Set<() => void>();
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    stdout += chunk;
    for (const look of waiting) look();
  });
  child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
    stderr += chunk;
    for (const look of waiting) look();
  });
  child.stdin.on("error", () => {});
  const ended = new Promise<CliEnd>((done) => child.once("close", (code) => done({ code, stdout, stderr })));
  const until = (text: string, written: () => string): Promise<void> =>
    Promise.race([
      new Promise<void>((done) => {
        const look = (): void => {
          if (!written().includes(text)) return;
          waiting.delete(look);
          done();
        };
        waiting.add(look);
        look();
      }),
      ended.then((end) => {
        if (!written().includes(text)) throw new Error(`it ended without writing ${JSON.stringify(text)}: ${JSON.stringify(end)}`);
      }),
    ]);
  return { child, ended, printed: (text) => until(text, () => stdout), said: (text) => until(text, () => stderr) };
}

/** Runs it to its end. */
export async function cli(
  args: readonly string[],
  options: { readonly stdin?: string; readonly env?: Readonly<Record<string, string>> } = {},
): Promise<CliEnd> {
  const { child, ended } = startCli(args, options.env);
  child.stdin.end(options.stdin ?? "");
  return ended;
}

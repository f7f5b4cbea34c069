import type { ChildProcessWithoutNullStreams } from "node:child_process";
import { spawn } from "node:child_process";

export interface PipedOptions {
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly timeout?: number;
  readonly killSignal?: NodeJS.Signals;
  readonly signal?: AbortSignal;
}

/**
 * Starts a program with pipes for its streams. Throws where there are no descriptors for them: Node gives a child without streams then, and
 * tells of it by an event in a later turn, which ends this process where nobody has come to listen. Every other failure is told by `error`.
 */
export function spawnPiped(program: string, args: readonly string[], options: PipedOptions): ChildProcessWithoutNullStreams {
  const child = spawn(program, [...args], { ...options, stdio: ["pipe", "pipe", "pipe"] });
  const streams: readonly unknown[] = [child.stdin, child.stdout, child.stderr];
  if (!streams.includes(undefined)) return child;
  child.on("error", () => undefined);
  throw new Error(`${program} cannot be started: this process has as many open files as it may.`);
}

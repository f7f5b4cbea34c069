import { spawnPiped } from "./spawn-piped.ts";

export interface Outcome {
  /** Exit code; 128 when a signal ended it. */
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly signal?: AbortSignal;
  /** Milliseconds until SIGKILL. */
  readonly timeoutMs: number;
  /** Bytes kept of each stream; the rest is read and dropped. */
  readonly outputBytes?: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Gets both streams as they come, in pieces of any size. */
  readonly onOutput?: (text: string) => void;
}

/** Milliseconds for which the streams of a program that has ended stay open for a descendant that holds them. */
export const STRAY_STREAMS_MS = 1000;

export const PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Runs a program to its end, with a bound on its time and output. Throws when it cannot be started or is aborted. */
export function runProgram(program: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawnPiped(program, args, {
      env: { PATH: PROGRAM_PATH, LC_ALL: "C", ...options.env },
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const most = options.outputBytes ?? 256 * 1024;
    const stdout = collect(child.stdout, most);
    const stderr = collect(child.stderr, most);
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => options.onOutput?.(chunk.toString("utf8")));
    // A program that ends without reading its input is judged by its exit code, not by the broken pipe.
    child.stdin.on("error", () => undefined);
    child.stdin.end(options.input ?? "");
    // The error is kept until the process has ended: after an abort it may still be running.
    let failure: Error | null = null;
    child.on("error", (error) => {
      failure = error;
      if (child.pid === undefined) reject(error);
    });
    let strays: NodeJS.Timeout | undefined;
    child.on("exit", () => {
      strays = setTimeout(() => {
        for (const stream of [child.stdout, child.stderr]) stream.destroy();
      }, STRAY_STREAMS_MS);
    });
    const began = performance.now();
    child.on("close", (code, signal) => {
      clearTimeout(strays);
      const ended = signal === null ? "" : `ended by ${signal} after ${Math.round(performance.now() - began)} ms`;
      if (failure !== null) reject(failure);
      else resolve({ code: code ?? 128, stdout: stdout(), stderr: [stderr().trimEnd(), ended].filter(Boolean).join("\n") });
    });
  });
}

function collect(stream: NodeJS.ReadableStream, most: number): () => string {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("data", (chunk: Buffer) => {
    const kept = chunk.subarray(0, Math.max(0, most - size));
    size += kept.length;
    chunks.push(kept);
  });
  return () => Buffer.concat(chunks).toString("utf8");
}

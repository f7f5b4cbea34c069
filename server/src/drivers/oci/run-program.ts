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

/** Bytes kept of each stream where nothing else is said. */
export const OUTPUT_BYTES = 256 * 1024;

export const PROGRAM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Starts programs: this process itself, or a launcher for it. */
export type RunProgram = (program: string, args: readonly string[], options: RunOptions) => Promise<Outcome>;

/** What every program is told of its surroundings. */
export function programEnv(own: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return { PATH: PROGRAM_PATH, LC_ALL: "C", ...own };
}

/**
 * Runs a program to its end, with a bound on its time and output. Throws when it cannot be started or is aborted. This process stands still
 * for milliseconds while it makes a copy of itself for it, so this is for what happens at a start, before there is a launcher, and for
 * the builder of templates, which is started once and runs for minutes that nothing of a launcher's should cut off: `Launcher.run` is for
 * the rest.
 */
export function runProgram(program: string, args: readonly string[], options: RunOptions): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawnPiped(program, args, {
      env: programEnv(options.env),
      timeout: options.timeoutMs,
      killSignal: "SIGKILL",
      ...(options.signal === undefined ? {} : { signal: options.signal }),
    });
    const heard = new Heard(options);
    for (const name of STREAMS) child[name].on("data", (chunk: Buffer) => heard.add(name, chunk));
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
      if (failure !== null) reject(failure);
      else resolve(heard.outcome(code, signal, performance.now() - began));
    });
  });
}

export const STREAMS = ["stdout", "stderr"] as const;

/** What a program says, as much of it as is kept. */
export class Heard {
  readonly #most: number;
  readonly #onOutput: RunOptions["onOutput"];
  readonly #kept: Readonly<Record<(typeof STREAMS)[number], { chunks: Buffer[]; size: number }>> = {
    stdout: { chunks: [], size: 0 },
    stderr: { chunks: [], size: 0 },
  };

  constructor({ outputBytes, onOutput }: RunOptions) {
    this.#most = outputBytes ?? OUTPUT_BYTES;
    this.#onOutput = onOutput;
  }

  add(name: (typeof STREAMS)[number], chunk: Buffer): void {
    const stream = this.#kept[name];
    const kept = chunk.subarray(0, Math.max(0, this.#most - stream.size));
    stream.size += kept.length;
    if (kept.length > 0) stream.chunks.push(kept);
    this.#onOutput?.(chunk.toString("utf8"));
  }

  outcome(code: number | null, signal: string | null, ms: number): Outcome {
    const text = (name: (typeof STREAMS)[number]): string => Buffer.concat(this.#kept[name].chunks).toString("utf8");
    const ended = signal === null ? "" : `ended by ${signal} after ${Math.round(ms)} ms`;
    return { code: code ?? 128, stdout: text("stdout"), stderr: [text("stderr").trimEnd(), ended].filter(Boolean).join("\n") };
  }
}

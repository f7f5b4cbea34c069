import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import { placeOf } from "./file-place.ts";

/** Changes from one checkpoint to the next: at most a few MiB of log where runs are written in batches. */
export const CHANGES_PER_CHECKPOINT = 64;
/** Milliseconds after which a thread that has nothing to do is ended, for its memory. */
const IDLE_MS = 30_000;
/** MiB of the thread's heap. */
const HEAP_MB = 16;

/** A database, and the files that it and its log are at this moment. */
export interface CheckpointOrder {
  readonly path: string;
  readonly places: Readonly<Record<string, string | undefined>>;
}

/**
 * Writes SQLite's log back into the database from a thread of its own. A checkpoint waits for the disk, 5 to 15 ms on a quick one, and in
 * the thread that answers calls all of them would wait with it. A passive one keeps no writer waiting (https://sqlite.org/wal.html).
 */
export class Checkpoints {
  readonly #path: string;
  #changes = 0;
  #thread: Worker | null = null;
  /** Resolves when the one under way is over. */
  #underWay: Promise<void> | null = null;
  #idle: NodeJS.Timeout | null = null;

  constructor(path: string) {
    this.#path = path;
  }

  /** A change has begun. */
  changed(): void {
    this.#changes += 1;
    this.#beginIfDue();
  }

  #beginIfDue(): void {
    if (this.#changes < CHANGES_PER_CHECKPOINT || this.#underWay !== null) return;
    this.#changes = 0;
    this.#underWay = this.#checkpoint().then(() => {
      this.#underWay = null;
      this.#beginIfDue();
    });
  }

  /** Ends the thread, once what it does is done; there is no other one after this. */
  async close(): Promise<void> {
    this.#changes = Number.NEGATIVE_INFINITY;
    await this.#underWay;
    await this.#end();
  }

  /** Never rejects: what cannot be written back now is by a later one, or by the connection that writes when the log is long. */
  async #checkpoint(): Promise<void> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    const thread = (this.#thread ??= this.#start());
    await new Promise<void>((done) => {
      const over = (): void => {
        thread.off("message", over).off("exit", over);
        done();
      };
      thread.on("message", over).on("exit", over);
      const places = Object.fromEntries([this.#path, `${this.#path}-wal`].map((file) => [file, placeOf(file)]));
      thread.postMessage({ path: this.#path, places } satisfies CheckpointOrder);
    });
    this.#idle = setTimeout(() => void this.#end(), IDLE_MS).unref();
  }

  #start(): Worker {
    const thread = new Worker(new URL(`checkpoint-thread${extname(import.meta.url)}`, import.meta.url), {
      env: {},
      execArgv: [],
      resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, maxYoungGenerationSizeMb: 2 },
    });
    // An error without a listener would end the server; the end that comes with it is enough.
    thread.on("error", () => {});
    thread.once("exit", () => {
      if (this.#thread === thread) this.#thread = null;
    });
    thread.unref();
    return thread;
  }

  async #end(): Promise<void> {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
  }
}

import type { RunContext } from "./context.ts";
import { storedDeps } from "./stored-deps.ts";
import type { RunItem, RunPosition, RunReader } from "./output.ts";
import type { RunRecord } from "./record.ts";
import { isEnded } from "./record.ts";
import { PackedReader } from "./run-reader.ts";
import type { RunHandle } from "./service.ts";
import { StoredSource } from "./stored-source.ts";

/** Milliseconds between two looks at a run that another server has in hand. */
const LOOK_MS = 500;

/** A run that this server does not have in hand: another one runs it, and here its end and its kept output are waited for. */
export class AwaitedRun implements RunHandle {
  readonly isNew = false;
  readonly isCounted = false;
  readonly #ctx: RunContext;
  #run: RunRecord;
  #ended: Promise<RunRecord> | null = null;

  constructor(ctx: RunContext, run: RunRecord) {
    this.#ctx = ctx;
    this.#run = run;
  }

  get run(): RunRecord {
    return this.#run;
  }

  get ended(): Promise<RunRecord> {
    this.#ended ??= this.#watch();
    return this.#ended;
  }

  /** A database that is gone for a while ends nothing. */
  async #watch(): Promise<RunRecord> {
    while (!isEnded(this.#run.status)) {
      await new Promise<void>((resolve) => setTimeout(resolve, LOOK_MS).unref());
      const found = await this.#ctx.deps.store.find(this.#run.id).catch(() => this.#run);
      // It was removed: nobody will end it any more.
      this.#run = found ?? { ...this.#run, status: "error", reason: "server_lost", endedAt: this.#ctx.deps.clock.now() };
    }
    return this.#run;
  }

  read(from: RunPosition): RunReader {
    let reader: Promise<RunReader> | null = null;
    let isClosed = false;
    const opened = async (): Promise<RunReader> => {
      const run = await this.ended;
      const output = await this.#ctx.deps.store.output(run.id);
      return new PackedReader(new StoredSource(storedDeps(this.#ctx, run.id), run, output), from);
    };
    return {
      async next(waitMs): Promise<RunItem | { readonly kind: "idle" } | undefined> {
        if (isClosed) return undefined;
        reader ??= opened();
        const timed = Promise.withResolvers<null>();
        const timer = setTimeout(() => timed.resolve(null), waitMs);
        try {
          const ready = await Promise.race([reader, timed.promise]);
          return ready === null ? { kind: "idle" } : await ready.next(waitMs);
        } finally {
          clearTimeout(timer);
        }
      },
      close() {
        isClosed = true;
        reader?.then((ready) => ready.close()).catch(() => {});
      },
    };
  }
}

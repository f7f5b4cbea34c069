import { Outcome } from "../../lib/outcome.ts";
import type { RunContext } from "./context.ts";
import { storedDeps } from "./stored-deps.ts";
import type { RunItem, RunPosition, RunReader } from "./output.ts";
import type { RunRecord } from "./record.ts";
import { isEnded } from "./record.ts";
import { PackedReader } from "./run-reader.ts";
import type { RunHandle } from "./service.ts";
import { StoredSource } from "./stored-source.ts";

/** Milliseconds between two looks at a run that another server has in hand: at first, and at most. */
const LOOK_MS = { first: 500, most: 5000 } as const;
/** Milliseconds after which a run has ended, whatever its row says: the longest wait for a turn, the longest time that an endpoint may give it, and an hour. */
const OPEN_MS_MAX = 193 * 3600 * 1000;

/** A run that this server does not have in hand: another one runs it, and here its end and its kept output are waited for. */
export class AwaitedRun implements RunHandle {
  readonly isNew = false;
  readonly isCounted = false;
  readonly #ctx: RunContext;
  readonly #found: RunRecord;
  #watch: EndWatch | null = null;

  constructor(ctx: RunContext, run: RunRecord) {
    this.#ctx = ctx;
    this.#found = run;
  }

  get run(): RunRecord {
    return this.#watch?.run ?? this.#found;
  }

  /** However many wait for it, it is looked at once at a time. */
  get ended(): Promise<RunRecord> {
    this.#watch ??= this.#ctx.awaited.get(this.#found.id) ?? newWatch(this.#ctx, this.#found);
    return this.#watch.ended;
  }

  read(from: RunPosition, isLent?: boolean): RunReader {
    let opening: Promise<RunReader> | null = null;
    let reader: Outcome<RunReader> | null = null;
    let isClosed = false;
    const opened = async (): Promise<RunReader> => {
      const run = await this.ended;
      const output = await this.#ctx.deps.store.output(run.id);
      return new PackedReader(new StoredSource(storedDeps(this.#ctx, run.id), run, output), from, isLent);
    };
    return {
      async next(waitMs): Promise<RunItem | { readonly kind: "idle" } | undefined> {
        if (isClosed) return undefined;
        reader ??= new Outcome((opening ??= opened()));
        const ready = await reader.within(waitMs);
        return ready === undefined ? { kind: "idle" } : ready.next(waitMs);
      },
      close() {
        isClosed = true;
        opening?.then((ready) => ready.close()).catch(() => {});
      },
    };
  }
}

function newWatch(ctx: RunContext, run: RunRecord): EndWatch {
  const watch = new EndWatch(ctx, run);
  ctx.awaited.set(run.id, watch);
  void watch.ended.then(() => ctx.awaited.delete(run.id));
  return watch;
}

/** Looks at a run's row, more and more seldom, until it has ended. */
export class EndWatch {
  readonly ended: Promise<RunRecord>;
  /** As it was last seen. */
  run: RunRecord;

  constructor(ctx: RunContext, run: RunRecord) {
    this.run = run;
    this.ended = this.#watch(ctx);
  }

  /** A database that is gone for a while ends nothing. */
  async #watch({ deps: { store, clock } }: RunContext): Promise<RunRecord> {
    let lookMs: number = LOOK_MS.first;
    while (!isEnded(this.run.status)) {
      await new Promise<void>((resolve) => setTimeout(resolve, lookMs).unref());
      lookMs = Math.min(2 * lookMs, LOOK_MS.most);
      const found = await store.find(this.run.id).catch(() => this.run);
      // Nobody will end one that was removed, or whose server has been gone for so long.
      const isLost = found === undefined || (!isEnded(found.status) && clock.now() - found.createdAt > OPEN_MS_MAX);
      this.run = isLost ? { ...(found ?? this.run), status: "error", reason: "server_lost", endedAt: clock.now() } : found;
    }
    return this.run;
  }
}

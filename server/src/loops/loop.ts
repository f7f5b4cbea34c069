import type { Log } from "../core/ports/log.ts";

export interface LoopSpec {
  readonly name: string;
  /** Milliseconds between the end of one tick and the beginning of the next; varied by a tenth. A function says them exactly, each time. */
  readonly everyMs: number | (() => number);
  /** One bounded piece of work. What it throws is logged, and the next tick comes as always. */
  readonly tick: () => Promise<unknown>;
}

/** Milliseconds of one tick after which it is told that the loop stands still. */
export const TICK_MS_MAX = 600_000;

/** Who is told which loops stand still. */
export interface LateTicks {
  begin(name: string): void;
  end(name: string): void;
}

export interface Loop {
  /** Ends it and waits for a tick under way. */
  close(): Promise<void>;
}

/** Runs a tick again and again, never two at once; one that takes too long is waited for all the same, and told. Its timers keep no process alive. */
export function startLoop(spec: LoopSpec, log: Log, lateTicks: LateTicks): Loop {
  let timer: NodeJS.Timeout | null = null;
  let underWay: Promise<void> = Promise.resolve();
  let closed = false;
  const schedule = (): void => {
    if (closed) return;
    const { everyMs } = spec;
    timer = setTimeout(run, typeof everyMs === "function" ? everyMs() : everyMs * (0.95 + Math.random() * 0.1));
    timer.unref();
  };
  let isLate = false;
  const late = (): void => {
    isLate = true;
    lateTicks.begin(spec.name);
    log.error({ loop: spec.name, forMs: TICK_MS_MAX }, "a loop stands still: its tick has not ended");
  };
  const onTime = (): void => {
    isLate = false;
    lateTicks.end(spec.name);
    log.warn({ loop: spec.name }, "a loop that stood still goes on");
  };
  const run = (): void => {
    // Wrapped, so that what a tick throws before it is a promise is no end of the loop either.
    const patience = setTimeout(late, TICK_MS_MAX).unref();
    underWay = (async () => spec.tick())()
      .catch((error: unknown) => log.warn({ loop: spec.name, error }, "a loop's tick failed; the next one tries again"))
      .then(() => {
        clearTimeout(patience);
        if (isLate) onTime();
        schedule();
      });
  };
  schedule();
  return {
    async close() {
      closed = true;
      if (timer !== null) clearTimeout(timer);
      await underWay;
    },
  };
}

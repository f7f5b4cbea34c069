import type { Log } from "../core/ports/log.ts";

export interface LoopSpec {
  readonly name: string;
  /** Milliseconds between the end of one tick and the beginning of the next; varied by a tenth. A function says them exactly, each time. */
  readonly everyMs: number | (() => number);
  /** One bounded piece of work. What it throws is logged, and the next tick comes as always. */
  readonly tick: () => Promise<unknown>;
}

export interface Loop {
  /** Ends it and waits for a tick under way. */
  close(): Promise<void>;
}

/** Runs a tick again and again, never two at once. Its timer keeps no process alive. */
export function startLoop(spec: LoopSpec, log: Log): Loop {
  let timer: NodeJS.Timeout | null = null;
  let underWay: Promise<void> = Promise.resolve();
  let closed = false;
  const schedule = (): void => {
    if (closed) return;
    const { everyMs } = spec;
    timer = setTimeout(run, typeof everyMs === "function" ? everyMs() : everyMs * (0.95 + Math.random() * 0.1));
    timer.unref();
  };
  const run = (): void => {
    // Wrapped, so that what a tick throws before it is a promise is no end of the loop either.
    underWay = (async () => spec.tick())()
      .catch((error: unknown) => log.warn({ loop: spec.name, error }, "a loop's tick failed; the next one tries again"))
      .then(schedule);
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

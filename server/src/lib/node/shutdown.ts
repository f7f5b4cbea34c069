/** What happened to one deferred close. */
export interface CloseOutcome {
  readonly name: string;
  readonly outcome: "closed" | "failed" | "late";
  readonly error?: unknown;
}

/** Closes what was opened, last opened first. */
export interface Shutdown {
  /** Call on the line after something was opened. Throws when the shutdown has begun: the caller must close it itself. */
  defer(name: string, close: () => void | Promise<void>): void;
  /**
   * Runs every close, one after the other, whatever the ones before did. `limitMs` bounds the whole: when it has passed, the
   * one under way and all that follow are still started but get 250 ms each at most. A second call gets the first one's outcome.
   */
  run(limitMs: number): Promise<readonly CloseOutcome[]>;
}

/** Milliseconds that a close may take once the limit of the whole has passed. */
const EACH_MS_LATE = 250;

async function closeWithin(name: string, close: () => void | Promise<void>, limitMs: number): Promise<CloseOutcome> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CloseOutcome>((resolve) => {
    timer = setTimeout(() => resolve({ name, outcome: "late" }), limitMs);
  });
  const closing = (async (): Promise<CloseOutcome> => {
    try {
      await close();
      return { name, outcome: "closed" };
    } catch (error) {
      return { name, outcome: "failed", error };
    }
  })();
  try {
    return await Promise.race([closing, late]);
  } finally {
    clearTimeout(timer);
  }
}

export function createShutdown(options: { readonly eachMsLate?: number } = {}): Shutdown {
  const eachMsLate = options.eachMsLate ?? EACH_MS_LATE;
  const deferred: { readonly name: string; readonly close: () => void | Promise<void> }[] = [];
  let running: Promise<readonly CloseOutcome[]> | undefined;

  async function closeAll(limitMs: number): Promise<readonly CloseOutcome[]> {
    const deadline = performance.now() + limitMs;
    const outcomes: CloseOutcome[] = [];
    for (const { name, close } of deferred.toReversed()) {
      outcomes.push(await closeWithin(name, close, Math.max(eachMsLate, deadline - performance.now())));
    }
    return outcomes;
  }

  return {
    defer(name, close) {
      if (running !== undefined) throw new Error(`the shutdown has begun: ${name} cannot be added`);
      deferred.push({ name, close });
    },
    run(limitMs) {
      running ??= closeAll(limitMs);
      return running;
    },
  };
}

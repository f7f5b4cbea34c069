/** A timer that has not fired. */
interface Pending {
  leftMs: number;
  readonly act: () => void;
  timer: NodeJS.Timeout | null;
  since: number;
}

/** Timers and a clock that stand still while frozen: what the freezer is to programs and `pause` to the agent's clocks. */
export class Stopwatch {
  readonly #pending = new Set<Pending>();
  #frozenAt: number | null = null;
  #frozenMs = 0;
  #closed = false;
  readonly #beganAt = performance.now();

  /** Unfrozen milliseconds since it was made. */
  now(): number {
    return (this.#frozenAt ?? performance.now()) - this.#beganAt - this.#frozenMs;
  }

  get frozen(): boolean {
    return this.#frozenAt !== null;
  }

  /** Calls `act` once after `ms` unfrozen milliseconds, unless the returned function is called first. */
  after(ms: number, act: () => void): () => void {
    if (this.#closed) return () => undefined;
    const pending: Pending = { leftMs: ms, act, timer: null, since: 0 };
    this.#pending.add(pending);
    if (!this.frozen) this.#run(pending);
    return () => this.#drop(pending);
  }

  freeze(): void {
    if (this.#frozenAt !== null) return;
    this.#frozenAt = performance.now();
    for (const pending of this.#pending) {
      if (pending.timer !== null) clearTimeout(pending.timer);
      pending.timer = null;
      pending.leftMs -= this.#frozenAt - pending.since;
    }
  }

  thaw(): void {
    if (this.#frozenAt === null) return;
    this.#frozenMs += performance.now() - this.#frozenAt;
    this.#frozenAt = null;
    for (const pending of this.#pending) this.#run(pending);
  }

  /** Drops what has not fired; nothing fires from now on. */
  close(): void {
    this.#closed = true;
    for (const pending of this.#pending) this.#drop(pending);
  }

  #run(pending: Pending): void {
    pending.since = performance.now();
    pending.timer = setTimeout(
      () => {
        this.#pending.delete(pending);
        pending.act();
      },
      Math.max(0, pending.leftMs),
    );
  }

  #drop(pending: Pending): void {
    this.#pending.delete(pending);
    if (pending.timer !== null) clearTimeout(pending.timer);
  }
}

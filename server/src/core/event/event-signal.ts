/** Milliseconds between two looks for events that other servers wrote. */
export const LOOK_MS = 1000;

/** Wakes those who wait for a team's events: at once for what this server has committed, at the next look for what others have. */
export class EventSignal {
  readonly #waiting = new Map<string, Set<() => void>>();
  #seen = 0;

  /** Something of this team was committed. */
  signal(teamId: string): void {
    for (const wake of this.#waiting.get(teamId) ?? []) wake();
  }

  /** One look at the newest event of all servers; wakes everybody when there is a newer one. Asks nothing while nobody waits. */
  async look(latestId: () => Promise<number>): Promise<void> {
    if (this.#waiting.size === 0) return;
    const latest = await latestId();
    if (latest === this.#seen) return;
    this.#seen = latest;
    for (const teamId of this.#waiting.keys()) this.signal(teamId);
  }

  /** Calls `wake` whenever there may be something new; the returned function ends that. */
  listen(teamId: string, wake: () => void): () => void {
    const listeners = this.#waiting.get(teamId) ?? new Set();
    this.#waiting.set(teamId, listeners);
    listeners.add(wake);
    return () => {
      listeners.delete(wake);
      if (listeners.size === 0) this.#waiting.delete(teamId);
    };
  }
}

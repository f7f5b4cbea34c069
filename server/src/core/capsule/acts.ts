import { fail } from "../fail.ts";

/** Acts that may wait behind the one under way on a capsule. */
const WAITING_MAX = 8;

interface Queue {
  /** The act begun last, and its name: a repeat of it joins it. */
  lastName: string;
  last: Promise<unknown>;
  waiting: number;
  abort: AbortController;
}

/** Acts on capsules' machines (boot, pause, destroy, …): one at a time for each capsule, in order; different capsules at once. */
export class Acts {
  readonly #queues = new Map<string, Queue>();

  /**
   * Runs `act` when what came before on this capsule has ended. If the act queued last has the same name, joins it instead.
   * Throws `unavailable` when too many wait.
   */
  run(id: string, name: string, act: (signal: AbortSignal) => Promise<void>): Promise<void> {
    const before = this.#queues.get(id);
    if (before !== undefined && before.lastName === name) return before.last.then(() => {});
    if (before !== undefined && before.waiting >= WAITING_MAX) {
      return Promise.reject(fail("unavailable", "Too many changes of this capsule are waiting; try again."));
    }
    const queue: Queue = before ?? { lastName: name, last: Promise.resolve(), waiting: 0, abort: new AbortController() };
    this.#queues.set(id, queue);
    queue.waiting += 1;
    const mine = queue.last
      .catch(() => {})
      .then(async () => {
        queue.abort = new AbortController();
        await act(queue.abort.signal);
      });
    queue.lastName = name;
    queue.last = mine;
    const settle = (): void => {
      queue.waiting -= 1;
      if (queue.waiting === 0) this.#queues.delete(id);
    };
    mine.then(settle, settle);
    return mine;
  }

  /** Asks the act under way to give up. */
  abort(id: string): void {
    this.#queues.get(id)?.abort.abort();
  }

  /** Resolves when nothing is under way on this capsule, however it ended. */
  async idle(id: string): Promise<void> {
    for (let queue = this.#queues.get(id); queue !== undefined; queue = this.#queues.get(id)) await Promise.allSettled([queue.last]);
  }

  busy(id: string): boolean {
    return this.#queues.has(id);
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.#queues.size > 0) await Promise.allSettled([...this.#queues.values()].map((queue) => queue.last));
  }
}

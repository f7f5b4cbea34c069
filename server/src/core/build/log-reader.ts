import { LOOK_MS } from "../event/event-signal.ts";
import type { EventSignal } from "../event/event-signal.ts";
import type { NumberedEntry } from "./record.ts";
import type { BuildStore } from "./store.ts";

/** Entries that one look takes at most. */
const READ_MAX = 64;

/** A build's log from a position on, until its `end`. Reads no more than is asked for: a slow reader costs nothing. */
export class BuildLogReader {
  readonly #store: Pick<BuildStore, "readLog">;
  readonly #id: string;
  #position: number;
  #wake: () => void = () => {};
  readonly #stopListening: () => void;
  #isOver = false;

  constructor(store: Pick<BuildStore, "readLog">, signal: EventSignal, id: string, position: number) {
    this.#store = store;
    this.#id = id;
    this.#position = position;
    this.#stopListening = signal.listen(id, () => this.#wake());
  }

  /** What comes next, an empty list after `idleMs` without anything, `null` once all has come or it is closed. One call at a time. */
  async next(idleMs: number): Promise<readonly NumberedEntry[] | null> {
    const deadline = performance.now() + idleMs;
    while (!this.#isOver) {
      const woken = Promise.withResolvers<void>();
      this.#wake = woken.resolve;
      const entries = await this.#store.readLog(this.#id, this.#position, READ_MAX);
      const last = entries.at(-1);
      if (last !== undefined) {
        this.#position = last.seq;
        if (last.entry.type === "end") this.close();
        return entries;
      }
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return [];
      // Another server's build wakes nobody here.
      const timer = setTimeout(woken.resolve, Math.min(leftMs, LOOK_MS));
      await woken.promise;
      clearTimeout(timer);
    }
    return null;
  }

  close(): void {
    this.#isOver = true;
    this.#stopListening();
    this.#wake();
  }
}

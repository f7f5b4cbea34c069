import type { EventSignal } from "./event-signal.ts";
import type { EventRecord } from "./record.ts";
import type { EventFilter, EventStore } from "./store.ts";

/** Events that one look takes at most. */
export const READ_MAX = 256;

/** What a reader is given: events, a range that was removed before it could be read, or word that there is nothing new. */
export type ReadItem =
  | { readonly kind: "event"; readonly event: EventRecord }
  | { readonly kind: "gap"; readonly fromId: number; readonly toId: number }
  | { readonly kind: "idle" };

export interface ReaderDeps {
  readonly store: EventStore;
  readonly signal: EventSignal;
}

/** A team's events from a position on, for as long as somebody asks for more. Reads no more than is asked for: a slow reader costs nothing. */
export class EventReader {
  readonly #deps: ReaderDeps;
  readonly #filter: EventFilter;
  #position: number;
  #mayHaveMore = true;
  #wake: () => void = () => {};
  readonly #stopListening: () => void;
  #closed = false;

  constructor(deps: ReaderDeps, filter: EventFilter, position: number) {
    this.#deps = deps;
    this.#filter = filter;
    this.#position = position;
    this.#stopListening = deps.signal.listen(filter.teamId, () => {
      this.#mayHaveMore = true;
      this.#wake();
    });
  }

  /** Everything up to this event has been given out. */
  get position(): number {
    return this.#position;
  }

  /** What comes next; after `idleMs` without anything `idle`, and an empty list once closed. Throws `StoreUnavailableError`. One call at a time. */
  async next(idleMs: number): Promise<readonly ReadItem[]> {
    const deadline = performance.now() + idleMs;
    while (!this.#closed) {
      if (this.#mayHaveMore) {
        const items = await this.#read();
        if (items.length > 0 || this.#closed) return this.#closed ? [] : items;
        continue;
      }
      const leftMs = deadline - performance.now();
      if (leftMs <= 0) return [{ kind: "idle" }];
      await this.#woken(leftMs);
    }
    return [];
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#wake();
  }

  /** The flag is cleared before the look, so that what is committed during it brings another one. */
  async #read(): Promise<readonly ReadItem[]> {
    this.#mayHaveMore = false;
    const before = this.#position;
    const found = await this.#deps.store.readAfter(this.#filter, before, READ_MAX).catch((error: unknown) => {
      this.#mayHaveMore = true;
      throw error;
    });
    if (found.items.length === READ_MAX) this.#mayHaveMore = true;
    this.#position = Math.max(found.position, found.horizon);
    const events = found.items.map((event): ReadItem => ({ kind: "event", event }));
    return found.horizon > before ? [{ kind: "gap", fromId: before + 1, toId: found.horizon }, ...events] : events;
  }

  #woken(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = () => {};
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
    });
  }
}

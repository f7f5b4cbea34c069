import { Bell } from "../../lib/bell.ts";
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
  /** Rung whenever there may be more than was read. */
  readonly #bell = new Bell();
  readonly #stopListening: () => void;
  #closed = false;

  constructor(deps: ReaderDeps, filter: EventFilter, position: number) {
    this.#deps = deps;
    this.#filter = filter;
    this.#position = position;
    this.#stopListening = deps.signal.listen(filter.teamId, () => this.#bell.ring());
    this.#bell.ring();
  }

  /** Everything up to this event has been given out. */
  get position(): number {
    return this.#position;
  }

  /** What comes next; after `idleMs` without anything `idle`, and an empty list once closed. Throws `StoreUnavailableError`. One call at a time. */
  async next(idleMs: number): Promise<readonly ReadItem[]> {
    const deadline = performance.now() + idleMs;
    while (!this.#closed) {
      const isRung = await this.#bell.heard(deadline - performance.now());
      if (this.#closed) break;
      if (!isRung) return [{ kind: "idle" }];
      const items = await this.#read();
      if (items.length > 0 && !this.#closed) return items;
    }
    return [];
  }

  close(): void {
    this.#closed = true;
    this.#stopListening();
    this.#bell.ring();
  }

  /** The bell is heard before the look, so that what is committed during it brings another one. */
  async #read(): Promise<readonly ReadItem[]> {
    const before = this.#position;
    const found = await this.#deps.store.readAfter(this.#filter, before, READ_MAX).catch((error: unknown) => {
      this.#bell.ring();
      throw error;
    });
    if (found.items.length === READ_MAX) this.#bell.ring();
    this.#position = Math.max(found.position, found.horizon);
    const events = found.items.map((event): ReadItem => ({ kind: "event", event }));
    return found.horizon > before ? [{ kind: "gap", fromId: before + 1, toId: found.horizon }, ...events] : events;
  }
}

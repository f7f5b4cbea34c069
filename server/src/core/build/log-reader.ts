import { Bell } from "../../lib/bell.ts";
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
  /** Rung whenever there may be more than was read. */
  readonly #bell = new Bell();
  readonly #stopListening: () => void;
  #isOver = false;

  constructor(store: Pick<BuildStore, "readLog">, signal: EventSignal, id: string, position: number) {
    this.#store = store;
    this.#id = id;
    this.#position = position;
    this.#stopListening = signal.listen(id, () => this.#bell.ring());
    this.#bell.ring();
  }

  /** What comes next, an empty list after `idleMs` without anything, `null` once all has come or it is closed. One call at a time. */
  async next(idleMs: number): Promise<readonly NumberedEntry[] | null> {
    const deadline = performance.now() + idleMs;
    while (!this.#isOver) {
      // Another server's build rings nothing here.
      await this.#bell.heard(Math.min(deadline - performance.now(), LOOK_MS));
      if (this.#isOver) break;
      const entries = await this.#store.readLog(this.#id, this.#position, READ_MAX);
      const last = entries.at(-1);
      if (last !== undefined) {
        this.#position = last.seq;
        if (last.entry.type === "end") this.close();
        else this.#bell.ring();
        return entries;
      }
      if (performance.now() >= deadline) return [];
    }
    return null;
  }

  close(): void {
    this.#isOver = true;
    this.#stopListening();
    this.#bell.ring();
  }
}

import { SpareMemory } from "../../lib/spare-memory.ts";

/** Bytes of events that are taken before more are made: lines without content have hundred times their size as events. */
export const TAKEN_BYTES = 256 * 1024;

/** Bytes of memory that is used again: what is taken at once, and the longest line that is told without a character that grows. */
const PIECE_BYTES = TAKEN_BYTES + 80 * 1024;
/** Bytes of events from which on such memory is worth it. */
const SMALL_BYTES = 16 * 1024;
/** Such memory that is kept for the next events, of all streams together. */
const SPARE_MAX = 8;

const EMPTY = Buffer.alloc(0);
const memory = new SpareMemory(PIECE_BYTES, SPARE_MAX);

/** The bytes of events, as they grow. */
export class EventBuffer {
  #bytes: Buffer = EMPTY;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get isFull(): boolean {
    return this.#length >= TAKEN_BYTES;
  }

  /** The memory behind `length`, with room for so many bytes more; good until the next call of any other method. */
  room(more: number): Buffer {
    const needed = this.#length + more;
    if (needed > this.#bytes.length) this.#grow(needed);
    return this.#bytes;
  }

  /** What stands in the memory up to there are events. */
  advance(to: number): void {
    this.#length = to;
  }

  text(added: string): void {
    const room = this.room(added.length <= SMALL_BYTES ? added.length * 3 : Buffer.byteLength(added));
    this.#length += room.write(added, this.#length, "utf8");
  }

  /** What there is; goes on empty. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#bytes = EMPTY;
    this.#length = 0;
    return taken;
  }

  #grow(needed: number): void {
    const larger =
      needed <= SMALL_BYTES || needed > PIECE_BYTES ? Buffer.allocUnsafe(Math.max(needed, this.#bytes.length * 2)) : memory.take();
    this.#bytes.copy(larger, 0, 0, this.#length);
    const outgrown = this.#bytes;
    this.#bytes = larger;
    useAgain(outgrown);
  }
}

/** Of events that were taken, or a part of them, and that nobody looks at any more: their memory serves for others. */
export function useAgain(events: Uint8Array): void {
  memory.giveBack(events);
}

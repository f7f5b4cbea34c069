import { SpareMemory } from "../../lib/spare-memory.ts";
import type { PackedBlock } from "./packed-source.ts";

/** Bytes of a chunk that is not the first: a record of the most bytes and its header fit. */
const CHUNK_BYTES = 66 * 1024;
/** Memory of chunks that is kept for the next ones, of all runs together: as much as one run has in hand. */
const SPARE_MAX = 16;

const NOTHING = new Uint8Array(0);
const spare = new SpareMemory(CHUNK_BYTES, SPARE_MAX);

/**
 * A piece of what a run printed, in memory. What it was lent to is counted: only once the tape has dropped it and every reader has
 * given it back, its memory serves for another one. A reader that never does keeps what it was given.
 */
export class TapeChunk {
  /** Offset of its first byte. */
  readonly at: number;
  #memory: Uint8Array = NOTHING;
  #used = 0;
  #lent = 0;
  #isDropped = false;

  constructor(at: number) {
    this.at = at;
  }

  get used(): number {
    return this.#used;
  }

  /** Where the next one begins. */
  get end(): number {
    return this.at + this.#used;
  }

  /** Bytes of memory that it takes. */
  get size(): number {
    return this.#memory.length;
  }

  get bytes(): Uint8Array {
    return this.#memory.subarray(0, this.#used);
  }

  /** The memory, with room for so many bytes more; `max` is what it grows to in steps. */
  room(more: number, max: number): Uint8Array {
    const needed = this.#used + more;
    if (needed <= this.#memory.length) return this.#memory;
    // The first one of a run may be all that it prints, and its memory goes into the run's row.
    const isPassing = this.at > 0 && this.#used === 0 && needed <= CHUNK_BYTES;
    const size = this.#used === 0 ? needed : Math.max(needed, Math.min(max, this.#memory.length * 4, 4096 + needed * 2));
    const larger = isPassing ? spare.take() : new Uint8Array(size);
    if (this.#used > 0) larger.set(this.bytes);
    this.#memory = larger;
    return larger;
  }

  /** So many bytes more are in its memory. */
  advance(bytes: number): void {
    this.#used += bytes;
  }

  lend(isSealed: boolean): PackedBlock {
    this.#lent += 1;
    return { at: this.at, bytes: this.bytes, isSealed, giveBack: this.#giveBack };
  }

  readonly #giveBack = (): void => {
    this.#lent -= 1;
    this.#settle();
  };

  /** The tape has no use for it any more. */
  drop(): void {
    this.#isDropped = true;
    this.#settle();
  }

  #settle(): void {
    if (this.#isDropped && this.#lent === 0) spare.giveBack(this.#memory);
  }
}

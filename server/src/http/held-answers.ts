/** Bytes of answers that wait in memory for their clients, of all clients together. */
export const HELD_BYTES_MAX = 256 * 1024 * 1024;
/** Milliseconds that an answer is written before its pace is judged, as long as there are not twice as many bytes. */
const YOUNG_MS = 1000;

/** An answer that stands in memory until its client has taken it. */
export interface HeldAnswer {
  /** Bytes that the client has taken so far. */
  readonly taken: number;
  /** Ends its connection: its end would pass for the whole. */
  breakOff(): void;
}

interface Entry {
  bytes: number;
  readonly since: number;
}

/** Keeps the memory of answers bounded: where there are too many bytes, the clients that take theirs slowest are broken off. */
export class HeldAnswers {
  readonly #bytesMax: number;
  readonly #entries = new Map<HeldAnswer, Entry>();
  #bytes = 0;

  constructor(bytesMax: number = HELD_BYTES_MAX) {
    this.#bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Counts bytes of an answer until `release`. */
  hold(answer: HeldAnswer, bytes: number): void {
    const entry = this.#entries.get(answer) ?? { bytes: 0, since: performance.now() };
    entry.bytes += bytes;
    this.#bytes += bytes;
    this.#entries.set(answer, entry);
    if (this.#bytes > this.#bytesMax) this.#makeRoom(answer);
  }

  release(answer: HeldAnswer): void {
    const entry = this.#entries.get(answer);
    if (entry === undefined) return;
    this.#entries.delete(answer);
    this.#bytes -= entry.bytes;
  }

  #makeRoom(newest: HeldAnswer): void {
    const now = performance.now();
    const pace = (answer: HeldAnswer, { since }: Entry): number => answer.taken / Math.max(1, now - since);
    const slowestFirst = [...this.#entries]
      .filter(([answer]) => answer !== newest)
      .toSorted(([left, leftEntry], [right, rightEntry]) => pace(left, leftEntry) - pace(right, rightEntry));
    for (const [answer, { since }] of slowestFirst) {
      if (this.#bytes <= this.#bytesMax) return;
      if (now - since < YOUNG_MS && this.#bytes <= this.#bytesMax * 2) continue;
      this.release(answer);
      answer.breakOff();
    }
  }
}

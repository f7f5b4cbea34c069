import { createHash } from "node:crypto";

/** Chance that follows from a seed and a name: the same draws in the same order in every run. */
export class Dice {
  readonly #name: string;
  #state: number;

  constructor(name: string) {
    this.#name = name;
    this.#state = createHash("sha256").update(name).digest().readUInt32LE(0);
  }

  /** Dice of their own for a part, whose draws depend on no other's. */
  part(name: string): Dice {
    return new Dice(`${this.#name}/${name}`);
  }

  /** At least 0, less than 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `min` to `max`, both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  /** As `int`, with small numbers as likely as large ones: even over the orders of magnitude. */
  size(min: number, max: number): number {
    return Math.round(min * (max / min) ** this.next());
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly [T, ...T[]]): T {
    return items[this.int(0, items.length - 1)] ?? items[0];
  }

  list<T>(count: number, draw: () => T): readonly T[] {
    return Array.from({ length: count }, draw);
  }
}

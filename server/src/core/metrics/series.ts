/** One tier of a series: points of one width, the newest `length` of them. */
export interface Tier {
  /** Milliseconds from a point to the next. */
  readonly stepMs: number;
  readonly length: number;
}

/** How values that fall into one point become one. */
export type Fold = "mean" | "max";

/** A point in time with its values, in the order of the folds. */
export interface Point {
  /** Unix milliseconds. */
  readonly at: number;
  readonly values: readonly number[];
}

/** One tier's points in a ring of numbers, and the point that is being made. */
class Ring {
  readonly #tier: Tier;
  readonly #folds: readonly Fold[];
  readonly #numbers: Float64Array;
  #next = 0;
  #filled = 0;
  #began: number | null = null;
  #latest = 0;
  #count = 0;
  readonly #folded: number[];

  constructor(tier: Tier, folds: readonly Fold[]) {
    this.#tier = tier;
    this.#folds = folds;
    this.#numbers = new Float64Array(tier.length * (folds.length + 1));
    this.#folded = folds.map(() => 0);
  }

  add(at: number, values: readonly number[]): void {
    this.#began ??= at;
    if (this.#count > 0 && at - this.#began >= this.#tier.stepMs) {
      this.#close();
      this.#began = at;
    }
    this.#folds.forEach((fold, index) => {
      const value = values[index] ?? 0;
      const before = this.#folded[index] ?? 0;
      this.#folded[index] =
        this.#count === 0 ? value : fold === "max" ? Math.max(before, value) : before + (value - before) / (this.#count + 1);
    });
    this.#count += 1;
    this.#latest = at;
  }

  /** Oldest first, from `since` on; the last is the one that is being made. */
  points(since: number): Point[] {
    const width = this.#folds.length + 1;
    const points: Point[] = [];
    for (let index = 0; index < this.#filled; index += 1) {
      const place = ((this.#next - this.#filled + index + this.#tier.length) % this.#tier.length) * width;
      const [at = 0, ...values] = this.#numbers.subarray(place, place + width);
      if (at >= since) points.push({ at, values });
    }
    if (this.#count > 0 && this.#latest >= since) points.push({ at: this.#latest, values: [...this.#folded] });
    return points;
  }

  #close(): void {
    this.#numbers.set([this.#latest, ...this.#folded], this.#next * (this.#folds.length + 1));
    this.#next = (this.#next + 1) % this.#tier.length;
    this.#filled = Math.min(this.#filled + 1, this.#tier.length);
    this.#count = 0;
  }
}

/** Numbers over time in a fixed amount of memory: fine ones of late, coarse ones of long ago. */
export class Series {
  readonly #rings: readonly { readonly reachMs: number; readonly ring: Ring }[];

  /** Finest tier first. */
  constructor(tiers: readonly Tier[], folds: readonly Fold[]) {
    this.#rings = tiers.map((tier) => ({ reachMs: tier.stepMs * tier.length, ring: new Ring(tier, folds) }));
  }

  add(at: number, values: readonly number[]): void {
    for (const { ring } of this.#rings) ring.add(at, values);
  }

  /** The last `rangeMs` before `now`, from the finest tier that reaches so far. */
  points(now: number, rangeMs: number): readonly Point[] {
    const fitting = this.#rings.find(({ reachMs }) => reachMs >= rangeMs) ?? this.#rings.at(-1);
    return fitting?.ring.points(now - rangeMs) ?? [];
  }
}

import { randomBytes } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { claimNumber } from "./claim-number.ts";

/** Uids (and gids) of one capsule. */
export const RANGE_SIZE = 65_536;
/** First uid of range 0: above what distributions hand out to users and containers, below 2^31. */
export const FIRST_UID = 0x7000_0000;
export const RANGES = 4_094;

/** First host uid of range `n`. */
export function rangeBase(n: number): number {
  return FIRST_UID + n * RANGE_SIZE;
}

interface Holder {
  readonly installationId: string;
  readonly capsuleId: string;
}

/**
 * Ranges of uids, reserved for the whole host by one file each, so that installations do not meet.
 * A range is held while a capsule runs; disks are stored unshifted, so the next boot may have another one.
 */
export class UidRanges {
  readonly #dir: string;
  readonly #installationId: string;
  /** Goes round, so that a range rests as long as it can before it is used again. */
  #next: number;
  /** What this installation holds: the data directory's lock makes this process the only one that changes it. */
  readonly #held = new Map<string, number>();

  constructor(dir: string, installationId: string, start = Math.floor(Math.random() * RANGES)) {
    this.#dir = dir;
    this.#installationId = installationId;
    this.#next = start;
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(dir)) {
      if (name.startsWith(`.${installationId}-`)) rmSync(join(dir, name), { force: true });
      if (!/^[0-9]+$/.test(name)) continue;
      const holder = readHolder(join(dir, name));
      if (holder?.installationId === installationId) this.#held.set(holder.capsuleId, Number(name));
    }
  }

  /** Reserves a range, or gives the one that the capsule has; `null` when all are in use. */
  reserve(capsuleId: string): number | null {
    const had = this.#held.get(capsuleId);
    if (had !== undefined) return had;
    const holder: Holder = { installationId: this.#installationId, capsuleId };
    const temporary = `.${this.#installationId}-${randomBytes(6).toString("hex")}`;
    const n = claimNumber(this.#dir, temporary, JSON.stringify(holder), this.#round());
    if (n !== null) this.#held.set(capsuleId, n);
    return n;
  }

  *#round(): Generator<number> {
    for (let tries = 0; tries < RANGES; tries++) {
      const n = this.#next;
      this.#next = (n + 1) % RANGES;
      yield n;
    }
  }

  /** Capsules of this installation that hold a range. */
  holders(): string[] {
    return [...this.#held.keys()];
  }

  /** Gives back what the capsule holds. Fine when it holds nothing. */
  release(capsuleId: string): void {
    const n = this.#held.get(capsuleId);
    if (n === undefined) return;
    rmSync(join(this.#dir, String(n)), { force: true });
    this.#held.delete(capsuleId);
  }
}

function readHolder(path: string): Holder | null {
  try {
    const value: unknown = JSON.parse(readFileSync(path, "utf8"));
    if (typeof value !== "object" || value === null || !("installationId" in value) || !("capsuleId" in value)) return null;
    const { installationId, capsuleId } = value;
    return typeof installationId === "string" && typeof capsuleId === "string" ? { installationId, capsuleId } : null;
  } catch {
    // Gone meanwhile, or not ours to understand.
    return null;
  }
}

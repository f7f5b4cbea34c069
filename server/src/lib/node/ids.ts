import { randomBytes, randomFillSync } from "node:crypto";

/** Base36 digits that one division yields; 36 ** 5 × 65 536 stays exact in a double. */
const CHUNK_DIGITS = 5;
const CHUNK = 36 ** CHUNK_DIGITS;
/** An id is made from this many 16-bit words: 128 bits. */
const WORDS = 8;
/** 128 bits need 24.8 digits of base36. */
const CHUNKS = 5;
/** Words of randomness taken from the kernel at once: 1 024 ids. */
const POOL_WORDS = 1024 * WORDS;
/** Words that a time takes, in milliseconds: 48 bits last until the year 10889. */
const TIME_WORDS = 3;
/** Of what is made by the thousand and kept in tables: those of one time lie side by side there, instead of each in a page of its own. */
const IN_ORDER_OF_TIME: ReadonlySet<string> = new Set(["run"]);

/** Renders eight 16-bit words, most significant first, as 25 digits of base36; zeroes the words. */
export function renderBase36(words: Uint16Array): string {
  let text = "";
  for (let chunk = 0; chunk < CHUNKS; chunk += 1) {
    let rest = 0;
    for (let index = 0; index < WORDS; index += 1) {
      const value = rest * 65_536 + (words[index] ?? 0);
      const quotient = Math.floor(value / CHUNK);
      words[index] = quotient;
      rest = value - quotient * CHUNK;
    }
    text = rest.toString(36).padStart(CHUNK_DIGITS, "0") + text;
  }
  return text;
}

/** Implements core's `Ids`. */
export interface RandomIds {
  /** The prefix, `-` and 25 digits of base36: 128 random bits, or the time and 80 random ones. */
  next(prefix: string): string;
  /** `bytes` random bytes in lowercase hex. */
  hex(bytes: number): string;
}

/** Ids from the kernel's randomness, drawn in batches, since each exec makes one. `now`: Unix time in milliseconds. */
export function createIds(now: () => number = Date.now): RandomIds {
  const pool = new Uint16Array(POOL_WORDS);
  let next = POOL_WORDS;
  return {
    next(prefix) {
      if (next === POOL_WORDS) {
        randomFillSync(pool);
        next = 0;
      }
      const words = pool.subarray(next, next + WORDS);
      next += WORDS;
      if (IN_ORDER_OF_TIME.has(prefix)) putTime(words, now());
      return `${prefix}-${renderBase36(words)}`;
    },
    hex: (bytes) => randomBytes(bytes).toString("hex"),
  };
}

function putTime(words: Uint16Array, ms: number): void {
  let rest = Math.max(0, Math.trunc(ms));
  for (let index = TIME_WORDS - 1; index >= 0; index -= 1) {
    words[index] = rest % 65_536;
    rest = Math.floor(rest / 65_536);
  }
}

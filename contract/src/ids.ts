import { z } from "zod";

// Each id is a prefix and exactly 25 digits of lowercase base36 (128 random bits; a run's is its time in milliseconds, 48 bits, and 80 random ones).

export const CAPSULE_ID = /^cl-[0-9a-z]{25}$/;
export const PROCESS_ID = /^pr-[0-9a-z]{25}$/;
export const IMAGE_ID = /^im-[0-9a-z]{25}$/;
export const KEY_ID = /^key-[0-9a-z]{25}$/;

/** `wrn_` and 40 hex digits; only its SHA-256 is stored. */
export const API_KEY = /^wrn_[0-9a-f]{40}$/;

/**
 * What a caller may not name a capsule, each with what is said of it: a name goes where an id does, into paths of URLs, and into
 * `CAPSULE:PATH` on a command line.
 */
export const CAPSULE_NAME_FAULTS = [
  [/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\u034f\u115f\u1160\u2800\u3164\uffa0]/u, "must not contain control characters, line breaks or invisible ones"],
  [/[/:]/, "must not contain / or :"],
  [/^cl-/i, "must not begin with cl-, as ids do"],
  [/^[.-]/, "must not begin with . or -"],
  [/^\s|\s$/, "must not begin or end with a space"],
  [/^(?:stats|usage)$/, "must not be stats or usage, which stand in the place of an id"],
] as const satisfies readonly (readonly [RegExp, string])[];

/** What a caller may name a process. Not all digits (a pid) and not `pr-…` (an id). */
export const TAG = /^(?![0-9]+$)(?!pr-)[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/** What a caller may name a request with, so that a repeat is not done twice: 1 to 255 printable ASCII characters. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e](?:[\x20-\x7e]{0,253}[\x21-\x7e])?$/;

export const TEMPLATE_NAME = /^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$/;

/** A path parameter that names a capsule; any text, since a malformed id is simply not found. */
export const capsuleIdParam = z.string().min(1).max(200).describe("The capsule's id, `cl-…`, or its name.");

/** An id, a pid or a tag. */
export const selectorParam = z
  .string()
  .min(1)
  .max(200)
  .describe("A process: its id (`pr-…`), its pid, or its tag. The live one first, else the latest ended.");

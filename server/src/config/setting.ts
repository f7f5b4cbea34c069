import type { z } from "zod";

/** One setting: how its text is read, and what people need to know about it. */
export interface Setting<S extends z.ZodType = z.ZodType> {
  /** Reads the text of a variable or flag. Its problem text completes "must be …". */
  readonly schema: S;
  /** The text that holds when it is left out; `null`: nothing, which the schema turns into its own value. */
  readonly default: string | null;
  /** What the number counts; `null` for what is no number. */
  readonly unit: string | null;
  /** One or two sentences. */
  readonly about: string;
  /** Its value may hold a password: never shown, not in a problem either. */
  readonly isSecret?: boolean;
  /** A flag without a value means true. */
  readonly isSwitch?: boolean;
}

export function defineSetting<S extends z.ZodType>(setting: Setting<S>): Setting<S> {
  return setting;
}

/** `dataDir` → `CAPSULED_DATA_DIR`. */
export function variableOf(name: string): string {
  return `CAPSULED_${name.replaceAll(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}`;
}

/** `dataDir` → `--data-dir`. */
export function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

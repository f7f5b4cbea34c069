import { parseArgs } from "node:util";

const MINUTES_MAX = 24 * 60;
const SLOTS_MAX = 64;

export const USAGE = `npm run chaos -- [--minutes N] [--seed S] [--slots N] [--log DIR] [--json]

Keeps a real server with real capsules under load while it breaks whatever it can, and counts what was lost or doubled.
Ends with 0 only if every count is 0. Needs root on Linux; its data directory is CAPSULED_TEST_DATA_DIR.

  --minutes N   how long, at most ${MINUTES_MAX}; 1 by default
  --seed S      what is done when; 1 by default
  --slots N     jobs at once, at most ${SLOTS_MAX}; 4 by default
  --log DIR     where to keep the logs; else they are kept only when something was found
  --json        the report as JSON
`;

/** What a run of the suite does. */
export interface ChaosOptions {
  readonly minutes: number;
  readonly seed: string;
  readonly slots: number;
  readonly log: string | undefined;
  readonly json: boolean;
}

export type ReadOptions =
  | { readonly kind: "run"; readonly options: ChaosOptions }
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly problem: string };

/** Reads what follows the program's name. */
export function readOptions(args: readonly string[]): ReadOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        minutes: { type: "string", default: "1" },
        seed: { type: "string", default: "1" },
        slots: { type: "string", default: "4" },
        log: { type: "string" },
        json: { type: "boolean", default: false },
        help: { type: "boolean", short: "h", default: false },
      },
    });
    if (values.help) return { kind: "help" };
    const { seed, log, json } = values;
    const minutes = positive("minutes", values.minutes, MINUTES_MAX);
    return { kind: "run", options: { minutes, seed, slots: positive("slots", values.slots, SLOTS_MAX), log, json } };
  } catch (error) {
    return { kind: "wrong", problem: error instanceof Error ? (error.message.split(". ", 1)[0] ?? "") : String(error) };
  }
}

function positive(name: string, text: string, max: number): number {
  const value = Number(text);
  if (!(value > 0 && value <= max)) throw new Error(`--${name} must be more than 0 and at most ${max}`);
  return value;
}

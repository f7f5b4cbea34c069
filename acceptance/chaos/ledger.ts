import type { ActionLog } from "./action-log.ts";

/** Findings that are printed at the end at most; the log has them all. */
const PRINTED_MAX = 20;

/** What the run expected and what was otherwise. Every number but those expected and the recovery time must stay 0. */
export class Ledger {
  readonly #log: ActionLog;
  readonly bytes = { expected: 0, lost: 0, doubled: 0 };
  readonly exits = { expected: 0, wrong: 0 };
  readonly starts = { expected: 0, lost: 0, doubled: 0 };
  readonly capsules = { made: 0, wrong: 0, leaked: 0, doubled: 0 };
  readonly events = { expected: 0, lost: 0, doubled: 0 };
  /** Answers that no client should get: undeclared, of the wrong shape, contradicting an earlier one, or none in time. */
  readonly answers = { given: 0, wrong: 0 };
  readonly left = { processes: 0, mounts: 0, cgroups: 0, others: 0 };
  /** Ends of the server that nobody caused, and lines of its log that tell of a crash. */
  readonly crashes = { expected: 0, seen: 0 };
  /** How often each fault was done. */
  readonly faults = new Map<string, number>();
  /** Milliseconds from a kill of the server, or from its start where that was later, to its first answer. */
  readonly recoveriesMs: number[] = [];
  readonly findings: string[] = [];
  #found = 0;

  constructor(log: ActionLog) {
    this.#log = log;
  }

  /** Something is not as promised. The counters are raised by the caller. */
  find(who: string, what: string, facts: Readonly<Record<string, unknown>> = {}): void {
    this.#found += 1;
    this.#log.write(who, `FOUND ${what}`, facts);
    if (this.findings.length < PRINTED_MAX) this.findings.push(`${who}: ${what} ${JSON.stringify(facts)}`);
  }

  fault(kind: string): void {
    this.faults.set(kind, (this.faults.get(kind) ?? 0) + 1);
  }

  get foundCount(): number {
    return this.#found;
  }
}

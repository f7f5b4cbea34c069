import { closeSync, openSync, writeSync } from "node:fs";

/** Every action, fault and finding of a run, one JSON object a line with its time in ms since the run's begin. */
export class ActionLog {
  readonly #file: number;
  readonly #began = performance.now();
  #isOpen = true;

  constructor(path: string) {
    this.#file = openSync(path, "a", 0o600);
  }

  /** `who` acts: `server`, `events` or a capsule's or process's name in the plan. */
  write(who: string, what: string, facts: Readonly<Record<string, unknown>> = {}): void {
    if (!this.#isOpen) return;
    writeSync(this.#file, `${JSON.stringify({ ms: Math.round(performance.now() - this.#began), who, what, ...facts })}\n`);
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#file);
  }
}

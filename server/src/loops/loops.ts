import type { Log } from "../core/ports/log.ts";
import type { Loop, LoopSpec } from "./loop.ts";
import { startLoop } from "./loop.ts";

/** Starts the server's loops, and knows which of them stand still. */
export class Loops {
  readonly #log: Log;
  readonly #late = new Set<string>();

  constructor(log: Log) {
    this.#log = log;
  }

  start(spec: LoopSpec): Loop {
    return startLoop(spec, this.#log, { begin: (name) => this.#late.add(name), end: (name) => this.#late.delete(name) });
  }

  /** Names of those whose tick has been under way for longer than any should be. */
  get standing(): readonly string[] {
    return [...this.#late];
  }
}

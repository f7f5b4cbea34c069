import { availableParallelism } from "node:os";

/** Milliseconds for which the event loop is kept awake for one answer. */
export const AWAKE_MS = 0.2;
/** Answers for which it is not, at most, after some in a row that took longer: 1, 2, 4 and so on. */
export const ASLEEP_ANSWERS_MAX = 256;

/** What this stands on; tests give their own. */
export interface AwakeHost {
  readonly cores: number;
  /** Milliseconds. */
  now(): number;
  /** Calls back behind what has happened meanwhile. */
  turn(then: () => void): void;
}

const HOST: AwakeHost = { cores: availableParallelism(), now: () => performance.now(), turn: (then) => void setImmediate(then) };

/**
 * Keeps the event loop from falling asleep for an answer that most often comes sooner than a sleeping thread is woken, which costs
 * both sides as much processor time as looking does (docs/adr/0413). Everything else goes on meanwhile.
 */
export class Awake {
  readonly #host: AwakeHost;
  #isLooking = false;
  /** Answers in a row that came too late. */
  #late = 0;
  /** Answers for which the loop may sleep. */
  #asleep = 0;

  constructor(host: AwakeHost = HOST) {
    this.#host = host;
  }

  /** For one answer at a time: whoever comes meanwhile has an awake loop already. */
  while(isWaiting: () => boolean): void {
    // With one processor the other side would wait for this one.
    if (this.#isLooking || this.#host.cores < 2) return;
    if (this.#asleep > 0) {
      this.#asleep -= 1;
      return;
    }
    const start = this.#host.now();
    const look = (): void => {
      this.#isLooking = isWaiting();
      if (!this.#isLooking) this.#late = 0;
      else if (this.#host.now() - start < AWAKE_MS) this.#host.turn(look);
      else {
        this.#isLooking = false;
        this.#asleep = Math.min(2 ** this.#late, ASLEEP_ANSWERS_MAX);
        this.#late += 1;
      }
    };
    this.#isLooking = true;
    this.#host.turn(look);
  }
}

import { fail } from "../../core/fail.ts";
import type { PortLimits } from "./limits.ts";

/** Counts what is open to ports, of each capsule and of all. */
export class PortSlots {
  readonly #limits: PortLimits;
  readonly #ofCapsule = new Map<string, number>();
  #all = 0;

  constructor(limits: PortLimits) {
    this.#limits = limits;
  }

  /** A place, until the returned function is called. Throws `connection_limit`. */
  take(capsuleId: string): () => void {
    const open = this.#ofCapsule.get(capsuleId) ?? 0;
    if (open >= this.#limits.capsuleMax || this.#all >= this.#limits.allMax) throw fail("connection_limit");
    this.#ofCapsule.set(capsuleId, open + 1);
    this.#all += 1;
    let isOpen = true;
    return () => {
      if (!isOpen) return;
      isOpen = false;
      this.#all -= 1;
      const left = (this.#ofCapsule.get(capsuleId) ?? 1) - 1;
      if (left === 0) this.#ofCapsule.delete(capsuleId);
      else this.#ofCapsule.set(capsuleId, left);
    };
  }
}

import { readFileSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { HandleGoneError } from "../../core/ports/driver.ts";
import { isMissing } from "../../lib/node/missing.ts";
import { OCI_LIMITS } from "./options.ts";

/** Looks at the state this often without yielding: a freeze mostly takes tens of microseconds, an event loop's turn longer. */
const SPINS = 50;

/**
 * Freezes or thaws every process in a cgroup2 directory and waits until it is so. cgroup2's freezer serves on every host: it
 * needs no controller, and what is frozen by it can still be killed.
 * @throws HandleGoneError when the cgroup is gone; an error when some process did not freeze in time (then all are thawed)
 */
export async function setFrozen(work: string, frozen: boolean): Promise<void> {
  const want = frozen ? "1" : "0";
  try {
    writeFileSync(`${work}/cgroup.freeze`, want);
    for (let spin = 0; spin < SPINS; spin++) if (isFrozen(work) === frozen) return;
    const until = performance.now() + OCI_LIMITS.freezeMs;
    while (performance.now() < until) {
      await sleep(1);
      if (isFrozen(work) === frozen) return;
    }
    if (frozen) writeFileSync(`${work}/cgroup.freeze`, "0");
  } catch (error) {
    if (isMissing(error)) throw new HandleGoneError("The capsule's cgroup is gone.", { cause: error });
    throw error;
  }
  throw new Error(`A process did not ${frozen ? "freeze" : "thaw"} within ${OCI_LIMITS.freezeMs} ms.`);
}

/** Whether all of the cgroup's processes are frozen now. */
export function isFrozen(work: string): boolean {
  return /^frozen 1$/m.test(readFileSync(`${work}/cgroup.events`, "utf8"));
}

/** Whether the cgroup was told to freeze, also while its last process still runs. */
export function isToldToFreeze(work: string): boolean {
  return readFileSync(`${work}/cgroup.freeze`, "utf8").trim() === "1";
}

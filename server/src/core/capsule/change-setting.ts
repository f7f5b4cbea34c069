import { fail } from "../fail.ts";
import { stateRefused } from "./change-state.ts";
import type { CapsuleDeps } from "./deps.ts";
import { NO_EFFECTS } from "./effects.ts";
import { noCapsule } from "./owned.ts";
import type { CapsuleChange, CapsuleRecord } from "./record.ts";

/** Lost races that one change bears. */
const RACES_MAX = 16;

/**
 * Changes what a capsule is set to without changing its state, in any state but destroyed. `change` is asked anew after each lost race;
 * `what` is for the words of the refusal. Throws `not_found`, `invalid_state`.
 */
export async function changeSetting(
  deps: Pick<CapsuleDeps, "store" | "clock" | "live">,
  id: string,
  what: string,
  change: (record: CapsuleRecord) => CapsuleChange,
): Promise<CapsuleRecord> {
  for (let races = 0; races < RACES_MAX; races += 1) {
    const record = await deps.store.find(id);
    if (record === undefined) throw noCapsule();
    if (record.state === "destroying" || record.state === "destroyed") throw stateRefused("invalid_state", record, what);
    const next = await deps.store.transition(record, record.state, change(record), deps.clock.now(), NO_EFFECTS);
    if (next !== undefined) {
      deps.live.update(next);
      return next;
    }
  }
  throw fail("internal_error", undefined, { cause: new Error(`capsule ${id}: ${what} lost ${RACES_MAX} races`) });
}

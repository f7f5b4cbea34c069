import type { Principal } from "../access/principal.ts";
import { CapsuledError } from "../fail.ts";
import type { Intent } from "../idempotency/service.ts";
import type { CapsuleDeps } from "./deps.ts";
import { ownedCapsule } from "./owned.ts";
import type { CapsuleRecord } from "./record.ts";
import type { CapsuleState } from "./state.ts";

/**
 * The outcome of a change of state. Where its first try was cut off after it had done its work, the change is refused now:
 * then a capsule that has reached the state is what the first try would have answered.
 */
export async function orAlready(
  deps: Pick<CapsuleDeps, "store" | "acts">,
  principal: Principal,
  id: string,
  reached: readonly CapsuleState[],
  intent: Intent | undefined,
  change: () => Promise<CapsuleRecord>,
): Promise<CapsuleRecord> {
  if (intent?.stage === "continued") await deps.acts.idle(id);
  try {
    return await change();
  } catch (error) {
    if (intent?.stage !== "continued" || !(error instanceof CapsuledError) || error.code !== "invalid_state") throw error;
    const record = await ownedCapsule(deps.store, principal, id);
    if (!reached.includes(record.state)) throw error;
    return record;
  }
}

import type { Principal } from "../../access/principal.ts";
import { fail } from "../../fail.ts";
import { HandleGoneError } from "../../ports/driver.ts";
import { changeSetting } from "../change-setting.ts";
import type { CapsuleDeps } from "../deps.ts";
import { ownedCapsule } from "../owned.ts";
import type { CapsuleRecord } from "../record.ts";
import type { NetworkInput } from "./egress.ts";
import { egressFor } from "./egress.ts";

/**
 * Changes where a capsule may connect to. The row is the intent: what was cut off before the rules were in force is done when the
 * capsule is taken over. Throws `not_found`, `invalid_state` for a destroyed one, `agent_error` where the rules could not be set.
 */
export async function setNetwork(deps: CapsuleDeps, principal: Principal, id: string, input: NetworkInput): Promise<CapsuleRecord> {
  await ownedCapsule(deps.store, principal, id);
  const egress = egressFor(deps, input);
  const record = await changeSetting(deps, id, "a change of the network", () => ({ egress }));
  // After what is under way, since a boot may have begun with the policy before; never joined to another one's act, which may have read
  // its row already.
  await deps.acts.run(id, `network ${record.version}`, () => enforce(deps, id));
  return ownedCapsule(deps.store, principal, id);
}

/** The latest row counts, whoever wrote it. */
async function enforce(deps: CapsuleDeps, id: string): Promise<void> {
  const record = await deps.store.find(id);
  if (record === undefined || record.handle === null || deps.driver.network === null) return;
  try {
    await deps.driver.network.set(record.handle, record.egress);
  } catch (error) {
    // It ended meanwhile; its next start has the new policy.
    if (error instanceof HandleGoneError) return;
    throw fail("agent_error", "The rules of the capsule's network could not be changed.", { cause: error });
  }
}

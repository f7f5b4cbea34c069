import type { Principal } from "../../access/principal.ts";
import type { Egress, NetworkFacts } from "../../ports/driver.ts";
import { HandleGoneError } from "../../ports/driver.ts";
import type { CapsuleDeps } from "../deps.ts";
import { ownedCapsule } from "../owned.ts";

export interface NetworkReport {
  readonly egress: Egress;
  /** `null` without a machine, or without a network. */
  readonly facts: NetworkFacts | null;
}

/** The policy of a capsule in any state, and what its network did if it has a machine. Throws `not_found`. */
export async function readNetwork(deps: CapsuleDeps, principal: Principal, id: string, withDecisions: boolean): Promise<NetworkReport> {
  const record = await ownedCapsule(deps.store, principal, id);
  if (record.handle === null || deps.driver.network === null) return { egress: record.egress, facts: null };
  try {
    return { egress: record.egress, facts: await deps.driver.network.read(record.handle, withDecisions) };
  } catch (error) {
    // It ended meanwhile.
    if (error instanceof HandleGoneError) return { egress: record.egress, facts: null };
    throw error;
  }
}

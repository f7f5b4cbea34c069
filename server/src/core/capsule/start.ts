import { byKey } from "../event/actor.ts";
import type { Principal } from "../access/principal.ts";
import { fail } from "../fail.ts";
import type { BootOutcome } from "./boot.ts";
import { bootCapsule } from "./boot.ts";
import { changeState, stateRefused } from "./change-state.ts";
import type { CapsuleDeps } from "./deps.ts";
import { unlessDestroyed } from "./overtaken.ts";
import { ownedCapsule } from "./owned.ts";
import type { CapsuleRecord } from "./record.ts";
import { settledWithin } from "./wait.ts";

/** Boots a stopped (or failed) capsule again from its disk. */
export async function startCapsule(deps: CapsuleDeps, principal: Principal, id: string, waitMs: number): Promise<CapsuleRecord> {
  await ownedCapsule(deps.store, principal, id);
  await changeState(deps, id, "start", byKey(principal), {}, (record) => {
    if (!record.hasDisk && (record.state === "stopped" || record.state === "error"))
      throw stateRefused("invalid_state", record, "start without a disk");
  });
  const outcome: BootOutcome = { hostFull: null };
  const boot = deps.acts.run(id, "boot", (signal) => bootCapsule(deps, id, signal, outcome));
  boot.catch((error: unknown) => deps.log.error({ capsuleId: id, error }, "a boot's outcome could not be recorded"));
  await settledWithin(boot, waitMs);
  if (outcome.hostFull !== null) throw fail("host_full", outcome.hostFull.message, { details: { resource: outcome.hostFull.resource } });
  return unlessDestroyed(await ownedCapsule(deps.store, principal, id), "start");
}

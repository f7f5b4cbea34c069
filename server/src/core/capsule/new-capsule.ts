import type { Principal } from "../access/principal.ts";
import { byKey } from "../event/actor.ts";
import type { Ids } from "../ports/clock.ts";
import type { CapsuleDeps } from "./deps.ts";
import { secretContext } from "./hold.ts";
import type { CapsuleRecord } from "./record.ts";

/** What the row of a new capsule says, created or forked: whose and where it is, a secret of its own, and that nothing was done for it yet. */
export function newCapsule(deps: CapsuleDeps, principal: Principal, id: string, ids: Ids) {
  const now = deps.clock.now();
  return {
    id,
    teamId: principal.teamId,
    hostId: deps.hostId,
    driver: deps.driver.name,
    handle: null,
    state: "pending",
    version: 1,
    sealedSecret: deps.sealer.seal(ids.hex(32), secretContext(id)),
    hasDisk: false,
    reason: null,
    message: null,
    createdAt: now,
    startedAt: null,
    lastActiveAt: null,
    stateChangedAt: now,
    endedAt: null,
    requestedBy: byKey(principal),
    evidence: null,
    logCursor: 1,
  } as const satisfies Partial<CapsuleRecord>;
}

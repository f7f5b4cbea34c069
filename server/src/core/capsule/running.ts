import type { Principal } from "../access/principal.ts";
import { fail } from "../fail.ts";
import { stateRefused } from "./change-state.ts";
import type { CapsuleDeps } from "./deps.ts";
import type { LiveCapsule } from "./live.ts";
import { noCapsule, ownedCapsule } from "./owned.ts";

/** The caller's running capsule from memory; `undefined` when a look at the store is needed to say why not. The hot path. */
export function liveOwned(deps: Pick<CapsuleDeps, "live">, principal: Principal, id: string): LiveCapsule | undefined {
  const live = deps.live.get(id);
  return live !== undefined && live.record.teamId === principal.teamId && live.record.state === "running" ? live : undefined;
}

/** The caller's capsule as this server holds it, running or paused; `undefined` when it has no machine here. Throws `not_found`. */
export async function ownedLive(
  deps: Pick<CapsuleDeps, "live" | "store">,
  principal: Principal,
  id: string,
): Promise<LiveCapsule | undefined> {
  const live = deps.live.get(id);
  if (live === undefined) {
    await ownedCapsule(deps.store, principal, id);
    return undefined;
  }
  if (live.record.teamId !== principal.teamId) throw noCapsule();
  return live;
}

/** The caller's running capsule. Throws `not_found` and `invalid_state`. */
export async function runningCapsule(deps: Pick<CapsuleDeps, "live" | "store">, principal: Principal, id: string): Promise<LiveCapsule> {
  const live = liveOwned(deps, principal, id);
  if (live !== undefined) return live;
  const held = deps.live.get(id);
  if (held !== undefined) {
    if (held.record.teamId !== principal.teamId) throw noCapsule();
    throw stateRefused("invalid_state", held.record, "this");
  }
  const record = await ownedCapsule(deps.store, principal, id);
  if (record.state === "running") throw fail("unavailable", "The capsule is being taken over after a restart of the server; try again.");
  throw stateRefused("invalid_state", record, "this");
}

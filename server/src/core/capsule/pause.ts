import type { Actor } from "@capsuled/contract";
import { byKey } from "../event/actor.ts";
import type { Principal } from "../access/principal.ts";
import { fail } from "../fail.ts";
import { changeState } from "./change-state.ts";
import type { CapsuleDeps } from "./deps.ts";
import { unlessEnded } from "./overtaken.ts";
import { ownedCapsule } from "./owned.ts";
import type { CapsuleRecord } from "./record.ts";

/** Freezes every process. A failure leaves the capsule running and destroys nothing. */
export async function pauseCapsule(deps: CapsuleDeps, principal: Principal, id: string): Promise<CapsuleRecord> {
  await ownedCapsule(deps.store, principal, id);
  await pauseById(deps, id, byKey(principal));
  return unlessEnded(await ownedCapsule(deps.store, principal, id), "pause");
}

/** As a caller or as the inactivity loop. */
export async function pauseById(deps: CapsuleDeps, id: string, actor: Actor): Promise<void> {
  if (!deps.driver.capabilities.pause) throw fail("invalid_state", "The driver of this capsule cannot pause.");
  const { record } = await changeState(deps, id, "pause", actor);
  deps.live.update(record);
  await deps.acts.run(id, "pause", () => finishPause(deps, id));
}

async function finishPause(deps: CapsuleDeps, id: string): Promise<void> {
  const record = await deps.store.find(id);
  const live = deps.live.get(id);
  if (record === undefined || record.state !== "pausing" || record.handle === null || live === undefined) return;
  try {
    await live.link.pause();
    await deps.driver.pause(record.handle);
  } catch (error) {
    await thaw(deps, record);
    const { record: running } = await changeState(deps, id, "pause_failed", null);
    deps.live.update(running);
    throw fail("agent_error", "The capsule could not be paused; it goes on running.", { cause: error });
  }
  const { record: paused } = await changeState(deps, id, "paused", null, { lastActiveAt: live.lastActiveAt });
  deps.live.update(paused);
}

async function thaw(deps: CapsuleDeps, record: CapsuleRecord): Promise<void> {
  const live = deps.live.get(record.id);
  if (record.handle === null || live === undefined) return;
  try {
    await deps.driver.resume(record.handle);
    await live.link.resume();
  } catch (error) {
    deps.log.error({ capsuleId: record.id, error }, "a capsule whose pause failed could not be thawed");
  }
}

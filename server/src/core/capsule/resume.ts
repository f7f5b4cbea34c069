import { byKey } from "../event/actor.ts";
import type { Principal } from "../access/principal.ts";
import { fail } from "../fail.ts";
import { changeState } from "./change-state.ts";
import type { CapsuleDeps } from "./deps.ts";
import { unlessEnded } from "./overtaken.ts";
import { ownedCapsule } from "./owned.ts";
import type { CapsuleRecord } from "./record.ts";
import { outcomeWithin } from "./wait.ts";

/** Thaws a paused capsule; its inactivity TTL begins anew. */
export async function resumeCapsule(deps: CapsuleDeps, principal: Principal, id: string, waitMs: number): Promise<CapsuleRecord> {
  await ownedCapsule(deps.store, principal, id);
  const { record } = await changeState(deps, id, "resume", byKey(principal));
  deps.live.update(record);
  await outcomeWithin(
    deps.acts.run(id, "resume", () => finishResume(deps, id)),
    waitMs,
  );
  return unlessEnded(await ownedCapsule(deps.store, principal, id), "resume");
}

async function finishResume(deps: CapsuleDeps, id: string): Promise<void> {
  const record = await deps.store.find(id);
  const live = deps.live.get(id);
  if (record === undefined || record.state !== "resuming" || record.handle === null || live === undefined) return;
  try {
    await deps.driver.resume(record.handle);
    await live.link.resume();
    await live.link.touch();
  } catch (error) {
    await freezeAgain(deps, record);
    const { record: paused } = await changeState(deps, id, "resume_failed", null);
    deps.live.update(paused);
    throw fail("agent_error", "The capsule could not be resumed; it stays paused.", { cause: error });
  }
  const now = deps.clock.now();
  live.touch(now);
  const { record: running } = await changeState(deps, id, "resumed", null, { startedAt: now, lastActiveAt: now });
  deps.live.update(running);
}

async function freezeAgain(deps: CapsuleDeps, record: CapsuleRecord): Promise<void> {
  if (record.handle === null) return;
  try {
    await deps.driver.pause(record.handle);
  } catch (error) {
    deps.log.error({ capsuleId: record.id, error }, "a capsule whose resume failed could not be frozen again");
  }
}

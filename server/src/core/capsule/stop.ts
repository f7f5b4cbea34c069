import { byKey } from "../event/actor.ts";
import type { Principal } from "../access/principal.ts";
import { changeState } from "./change-state.ts";
import type { CapsuleDeps } from "./deps.ts";
import { memoryEvidenceOf } from "./evidence.ts";
import { importRest } from "./import-rest.ts";
import { unlessDestroyed } from "./overtaken.ts";
import { ownedCapsule } from "./owned.ts";
import type { CapsuleRecord } from "./record.ts";
import { settledWithin } from "./wait.ts";

/** Milliseconds between SIGTERM and SIGKILL of a stop. */
export const STOP_GRACE_MS = 3000;

/** Ends every process and keeps the disk. From `running` and `paused`; the processes of a paused one get no SIGTERM. */
export async function stopCapsule(deps: CapsuleDeps, principal: Principal, id: string): Promise<CapsuleRecord> {
  const before = await ownedCapsule(deps.store, principal, id);
  const { record } = await changeState(deps, id, "stop", byKey(principal));
  deps.live.update(record);
  await deps.acts.run(id, "stop", () => finishStop(deps, id, before.state === "paused"));
  return unlessDestroyed(await ownedCapsule(deps.store, principal, id), "stop");
}

/** The act behind `stopping`; also what recovery and the reconciler call. */
export async function finishStop(deps: CapsuleDeps, id: string, frozen: boolean): Promise<void> {
  const record = await deps.store.find(id);
  if (record === undefined || record.state !== "stopping") return;
  const live = deps.live.get(id);
  const evidence = (await memoryEvidenceOf(deps, record)) ?? record.evidence;
  if (live !== undefined && !frozen) await settledWithin(live.link.shutdown("capsule_stopped", STOP_GRACE_MS), STOP_GRACE_MS + 1000);
  await importRest(deps, record);
  deps.live.remove(id);
  await deps.driver.stop(id);
  await changeState(deps, id, "stopped", null, { evidence, handle: null, reason: "stopped", message: null, endedAt: deps.clock.now() });
}

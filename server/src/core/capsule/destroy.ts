import type { Actor } from "@capsuled/contract";
import { changeState } from "./change-state.ts";
import type { CapsuleDeps } from "./deps.ts";
import { memoryEvidenceOf } from "./evidence.ts";
import { importRest } from "./import-rest.ts";
import { settledWithin } from "./wait.ts";

/** Milliseconds that processes' ends may take to reach their readers before the machine is removed. */
const FAREWELL_MS = 1000;

/** Destroys a capsule from whatever state. Repeatable; a repeat joins the one under way. Throws when the driver could not; a loop tries again. */
export async function destroyCapsule(deps: CapsuleDeps, id: string, actor: Actor): Promise<void> {
  const { record } = await changeState(deps, id, "destroy", actor, { reason: "destroyed", message: null });
  if (record.state === "destroyed") return;
  deps.live.update(record);
  deps.acts.abort(id);
  await deps.acts.run(id, "destroy", () => finishDestroy(deps, id));
}

/** The act behind `destroying`; also what recovery and the reconciler call. */
export async function finishDestroy(deps: CapsuleDeps, id: string): Promise<void> {
  const record = await deps.store.find(id);
  if (record === undefined || record.state !== "destroying") return;
  const live = deps.live.get(id);
  const evidence = (await memoryEvidenceOf(deps, record)) ?? record.evidence;
  if (live !== undefined) await settledWithin(live.link.shutdown("capsule_destroyed", 0), FAREWELL_MS);
  await importRest(deps, record);
  deps.live.remove(id);
  await deps.driver.destroy(id);
  await changeState(deps, id, "destroyed", null, {
    evidence,
    handle: null,
    hasDisk: false,
    endedAt: record.endedAt ?? deps.clock.now(),
  });
}

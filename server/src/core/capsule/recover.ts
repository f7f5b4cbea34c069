import { bySystem } from "../event/actor.ts";
import type { Handle, MachineState } from "../ports/driver.ts";
import { bootCapsule } from "./boot.ts";
import { changeState } from "./change-state.ts";
import type { CapsuleDeps } from "./deps.ts";
import { finishDestroy } from "./destroy.ts";
import { importLeft } from "./import-left.ts";
import { connectTo, holdCapsule, loseCapsule } from "./hold.ts";
import type { CapsuleRecord } from "./record.ts";
import type { CapsuleState } from "./state.ts";
import { finishStop } from "./stop.ts";
import { StoreUnavailableError } from "./store.ts";

/** States that a server may have left behind with a machine, or an act under way. */
export const UNSETTLED: readonly CapsuleState[] = [
  "pending",
  "starting",
  "running",
  "pausing",
  "paused",
  "resuming",
  "stopping",
  "destroying",
];

/** Milliseconds after its adoption before which no capsule is paused for inactivity. */
const ADOPTED_GRACE_MS = 10_000;
const AT_ONCE = 8;
const ROWS_MAX = 10_000;

/** Settles every capsule that an earlier life of this server left: adopts machines, finishes or undoes what was under way. */
export async function recoverCapsules(deps: CapsuleDeps): Promise<number> {
  const rows = [...(await deps.store.listOnHost(deps.hostId, UNSETTLED, ROWS_MAX))];
  const count = rows.length;
  const worker = async (): Promise<void> => {
    for (let record = rows.shift(); record !== undefined; record = rows.shift()) {
      try {
        await recoverOne(deps, record);
      } catch (error) {
        deps.log.error(
          { capsuleId: record.id, state: record.state, error },
          "a capsule could not be recovered; the reconciler tries again",
        );
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return count;
}

/** Settles one capsule by its row. Also what the reconciler calls for a row that nobody works on. */
export async function recoverOne(deps: CapsuleDeps, record: CapsuleRecord): Promise<void> {
  const { id } = record;
  switch (record.state) {
    case "pending":
    case "starting":
      deps.acts
        .run(id, "boot", (signal) => bootCapsule(deps, id, signal, { hostFull: null }))
        .catch((error: unknown) => deps.log.error({ capsuleId: id, error }, "a boot's outcome could not be recorded"));
      return;
    case "stopping":
      return deps.acts.run(id, "stop", () => finishStop(deps, id, true));
    case "destroying":
      return deps.acts.run(id, "destroy", () => finishDestroy(deps, id));
    case "running":
    case "pausing":
    case "paused":
    case "resuming":
      return deps.acts.run(id, "recover", () => adopt(deps, record));
    case "stopped":
    case "destroyed":
    case "error":
      return;
  }
}

async function adopt(deps: CapsuleDeps, record: CapsuleRecord): Promise<void> {
  const found = bySystem("recover");
  if (record.handle === null) return loseCapsule(deps, record.id, found);
  const machine = await deps.driver.recover(record.handle);
  switch (machine) {
    case "gone":
      return loseCapsule(deps, record.id, found);
    case "host_restarted": {
      await importLeft(deps, record.id);
      await changeState(deps, record.id, "host_restarted", found, {
        reason: "host_restarted",
        message: "The host was restarted; the disk is kept and the capsule can be started again.",
        handle: null,
        endedAt: deps.clock.now(),
      });
      return deps.driver.stop(record.id);
    }
    case "running":
    case "paused":
      return takeOver(deps, record, record.handle, machine);
  }
}

async function takeOver(
  deps: CapsuleDeps,
  record: CapsuleRecord,
  handle: Handle,
  machine: Extract<MachineState, "running" | "paused">,
): Promise<void> {
  const link = connectTo(deps, record, handle);
  try {
    const stats = await link.stats();
    const settled = await settleByMachine(deps, record, handle, machine);
    // A change that was cut off between its row and its rules.
    await deps.driver.network?.set(handle, settled.egress);
    const earliest = deps.clock.now() - settled.timeoutSec * 1000 + ADOPTED_GRACE_MS;
    if (settled.state === "running") await link.resume();
    const lastActiveAt = Math.max(deps.clock.now() - stats.idleMs, settled.timeoutSec > 0 ? earliest : 0);
    holdCapsule(deps, settled, handle, link, lastActiveAt, true);
  } catch (error) {
    link.close();
    // That its row cannot be changed now says nothing of its machine.
    if (error instanceof StoreUnavailableError) throw error;
    deps.log.warn({ capsuleId: record.id, error }, "a capsule could not be taken over after the server's restart");
    await loseCapsule(deps, record.id, bySystem("recover"));
  }
}

/** Brings row and machine together: what the machine is decides where an act was cut off. */
export async function settleByMachine(
  deps: CapsuleDeps,
  record: CapsuleRecord,
  handle: Handle,
  machine: "running" | "paused",
): Promise<CapsuleRecord> {
  const { id, state } = record;
  if (state === "pausing") return (await changeState(deps, id, machine === "paused" ? "paused" : "pause_failed", null)).record;
  if (state === "resuming") {
    const event = machine === "running" ? "resumed" : "resume_failed";
    return (await changeState(deps, id, event, null, event === "resumed" ? { startedAt: deps.clock.now() } : {})).record;
  }
  if (state === "running" && machine === "paused") await deps.driver.resume(handle);
  if (state === "paused" && machine === "running") await deps.driver.pause(handle);
  return record;
}

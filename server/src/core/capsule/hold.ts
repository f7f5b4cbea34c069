import type { Actor } from "@capsuled/contract";
import { bySystem } from "../event/actor.ts";
import type { AgentLink } from "../ports/agent-link.ts";
import type { Handle } from "../ports/driver.ts";
import { changeState } from "./change-state.ts";
import type { CapsuleDeps } from "./deps.ts";
import { memoryEvidenceOf } from "./evidence.ts";
import { importLeft } from "./import-left.ts";
import { LiveCapsule } from "./live.ts";
import { openEnvs } from "./open-envs.ts";
import { openSettings } from "../template/settings.ts";
import { LogFollower } from "../process/log-follower.ts";
import type { CapsuleRecord } from "./record.ts";
import { settledWithin } from "./wait.ts";

/** Names what a sealed text belongs to, so that it opens nowhere else. */
export const secretContext = (id: string): string => `capsule-secret:${id}`;

/** The link to a capsule's agent by its row. */
export function connectTo(deps: CapsuleDeps, record: CapsuleRecord, handle: Handle): AgentLink {
  return deps.connect(record.id, deps.sealer.open(record.sealedSecret, secretContext(record.id)), handle);
}

/**
 * Takes a running or paused machine into the server's hands: the hot path finds it, and its end is noticed. `isAdopted` is one that an
 * earlier server had.
 */
export function holdCapsule(
  deps: CapsuleDeps,
  record: CapsuleRecord,
  handle: Handle,
  link: AgentLink,
  lastActiveAt: number,
  isAdopted = false,
): LiveCapsule {
  const live = new LiveCapsule(
    record,
    link,
    openEnvs(deps, record),
    openSettings(deps.sealer, record.sealedSettings, record.id),
    lastActiveAt,
  );
  deps.live.add(live, isAdopted);
  const unwatch = deps.driver.watch(handle, () => {
    deps.acts
      .run(record.id, "lost", () => loseCapsule(deps, record.id, bySystem("driver")))
      .catch((error: unknown) => deps.log.error({ capsuleId: record.id, error }, "the end of a machine could not be recorded"));
  });
  live.onGone(unwatch);
  live.follower = new LogFollower(deps, {
    capsuleId: record.id,
    teamId: record.teamId,
    handle,
    link,
    cursor: record.logCursor,
    asker: () => live.record.requestedBy,
    evidence: () => memoryEvidenceOf(deps, live.record),
  });
  live.follower.begin();
  return live;
}

/** Milliseconds that entries of a lost agent's log, which came before its end, may take to be stored. */
const SETTLE_MS = 1000;

/** The machine has ended by itself: the capsule is `error` with the reason `agent_lost`, its disk is kept. `finder` is who noticed. */
export async function loseCapsule(deps: CapsuleDeps, id: string, finder: Actor): Promise<void> {
  const live = deps.live.get(id);
  if (live?.follower !== null && live?.follower !== undefined) await settledWithin(live.follower.settle(), SETTLE_MS);
  await importLeft(deps, id);
  const evidence = live === undefined ? null : await memoryEvidenceOf(deps, live.record);
  const { record, changed } = await changeState(deps, id, "lost", finder, {
    evidence,
    reason: "agent_lost",
    message: "The capsule's first process ended unexpectedly; its disk is kept and it can be started again.",
    handle: null,
    endedAt: deps.clock.now(),
  });
  if (!changed) return;
  deps.live.remove(id);
  deps.log.warn({ capsuleId: id, teamId: record.teamId }, "a capsule's machine ended by itself");
  await deps.driver.stop(id);
}

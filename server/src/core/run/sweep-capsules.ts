import type { RunContext } from "./context.ts";
import { ENDPOINT_ACTOR } from "./context.ts";

/** Capsules of one sweep. */
const BATCH = 100;

/** Destroys capsules that ended runs have left behind: the server died, or the driver failed, between the run's end and the capsule's. Returns how many. */
export async function sweepCapsules(ctx: RunContext): Promise<number> {
  const { store, capsuleStore, capsules, log, hostId } = ctx.deps;
  let destroyed = 0;
  for (const id of await store.listLeftCapsules(hostId, BATCH)) {
    if (ctx.isClosing) break;
    const record = await capsuleStore.find(id);
    if (record === undefined) continue;
    try {
      await capsules.destroy({ keyId: ENDPOINT_ACTOR, teamId: record.teamId, role: "member", isFirstTeam: false }, id);
      destroyed += 1;
    } catch (error) {
      log.warn({ capsuleId: id, error }, "a capsule that a run left could not be destroyed; the next sweep tries again");
    }
  }
  return destroyed;
}

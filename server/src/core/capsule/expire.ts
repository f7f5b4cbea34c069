import { bySystem } from "../event/actor.ts";
import type { CapsuleDeps } from "./deps.ts";
import type { LiveCapsule } from "./live.ts";
import { changeState } from "./change-state.ts";
import { pauseById } from "./pause.ts";
import { finishStop } from "./stop.ts";

/** Milliseconds until a capsule whose pause failed, or whose agent did not answer, is looked at again. */
const RETRY_MS = 10_000;
/** Capsules that one tick pauses at most. */
const BATCH = 32;

/** One look at the inactivity TTLs: pauses what has been idle for its TTL (stops it where the driver cannot pause). Never destroys. */
export async function expireIdle(deps: CapsuleDeps): Promise<readonly string[]> {
  const now = deps.clock.now();
  const due = [...deps.live.all()].filter((live) => isDue(live, now)).slice(0, BATCH);
  const ended = await Promise.all(due.map((live) => expireOne(deps, live)));
  return ended.filter((id) => id !== null);
}

function isDue(live: LiveCapsule, now: number): boolean {
  const { state, timeoutSec } = live.record;
  return state === "running" && timeoutSec > 0 && live.busy === 0 && now - live.lastActiveAt >= timeoutSec * 1000;
}

async function expireOne(deps: CapsuleDeps, live: LiveCapsule): Promise<string | null> {
  const { id, timeoutSec } = live.record;
  try {
    const stats = await live.link.stats();
    const idleMs = stats.busy > 0 ? 0 : stats.idleMs;
    if (idleMs < timeoutSec * 1000) {
      live.touch(deps.clock.now() - idleMs);
      return null;
    }
    if (live.busy > 0) return null;
    const { pause } = deps.driver.capabilities;
    if (pause) await pauseById(deps, id, bySystem("expire"));
    else {
      await changeState(deps, id, "stop", bySystem("expire"));
      await deps.acts.run(id, "stop", () => finishStop(deps, id, false));
    }
    deps.log.info({ capsuleId: id, timeoutSec }, pause ? "paused after inactivity" : "stopped after inactivity");
    return id;
  } catch (error) {
    live.touch(deps.clock.now() - timeoutSec * 1000 + RETRY_MS);
    deps.log.warn({ capsuleId: id, error }, "an idle capsule could not be paused; it goes on running");
    return null;
  }
}

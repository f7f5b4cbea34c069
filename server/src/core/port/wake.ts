import { LIMITS } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import type { CapsuleDeps } from "../capsule/deps.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { resumeCapsule } from "../capsule/resume.ts";
import { liveOwned, ownedLive, runningCapsule } from "../capsule/running.ts";
import { settledWithin } from "../capsule/wait.ts";
import { CapsuledError, fail } from "../fail.ts";

/** Looks at a capsule that others pause and resume meanwhile. */
const TRIES_MAX = 4;

/** Gives running capsules; those that are paused are resumed where they were created so, once for all that ask meanwhile. */
export class Waker {
  readonly #deps: CapsuleDeps;
  readonly #underWay = new Map<string, Promise<void>>();

  constructor(deps: CapsuleDeps) {
    this.#deps = deps;
  }

  /** Throws `not_found`, and `invalid_state` for a capsule that does not run and is not to be woken. */
  async running(principal: Principal, id: string): Promise<LiveCapsule> {
    const deps = this.#deps;
    for (let tries = 0; tries < TRIES_MAX; tries += 1) {
      const running = liveOwned(deps, principal, id);
      if (running !== undefined) return running;
      const held = await ownedLive(deps, principal, id);
      if (held === undefined) break;
      const { state, autoResume } = held.record;
      if (!autoResume && state === "paused") throw sleeping();
      if (!autoResume) break;
      if (state === "paused") await this.#resume(principal, id);
      else if (state === "pausing" || state === "resuming") await settledWithin(deps.acts.idle(id), LIMITS.waitMsDefault);
      else break;
    }
    return runningCapsule(deps, principal, id);
  }

  #resume(principal: Principal, id: string): Promise<void> {
    const known = this.#underWay.get(id);
    if (known !== undefined) return known;
    const mine = resumeCapsule(this.#deps, principal, id, LIMITS.waitMsDefault)
      .then(
        () => {},
        (error: unknown) => {
          // Somebody else's change came first: it is looked at again.
          if (!(error instanceof CapsuledError && error.code === "invalid_state")) throw error;
        },
      )
      .finally(() => this.#underWay.delete(id));
    this.#underWay.set(id, mine);
    return mine;
  }
}

/** Whoever asks for a port learns both ways out: for this capsule, and for the next one. */
function sleeping(): Error {
  return fail(
    "invalid_state",
    "The capsule is paused; POST …/resume lets it go on. One that is created with auto_resume is woken by such a request.",
    { details: { status: "paused", state: "paused" } },
  );
}

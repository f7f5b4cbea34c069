import type { CapsuleDeps } from "../capsule/deps.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { fail } from "../fail.ts";
import { AgentLostError } from "../ports/agent-link.ts";
import { elseEnded } from "../process/else-ended.ts";

/**
 * What a process of the capsule answers for its agent. One that a pause froze under the question gives no answer: that is
 * `invalid_state`, as it would have been a moment later. `toError` is what a refusal is to a caller.
 */
export function askAgent<T>(
  deps: Pick<CapsuleDeps, "store">,
  live: LiveCapsule,
  asked: Promise<T>,
  toError: (error: unknown) => unknown,
): Promise<T> {
  const answered = asked.catch((error: unknown) => {
    const { state } = live.record;
    if (error instanceof AgentLostError && (state === "pausing" || state === "paused")) {
      throw fail("invalid_state", "The capsule is paused.", { cause: error.message });
    }
    throw toError(error);
  });
  return elseEnded(deps, live.record.id, answered);
}

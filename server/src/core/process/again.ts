import type { Principal } from "../access/principal.ts";
import { ownedLive } from "../capsule/running.ts";
import { fail } from "../fail.ts";
import type { Intent } from "../idempotency/service.ts";
import type { ProcessStream } from "../ports/agent-link.ts";
import { AgentRefusal } from "../ports/agent-link.ts";
import type { ProcessDeps } from "./deps.ts";
import { refusalToError } from "./refusal.ts";

/**
 * The process that an earlier try of this very request began, read from its first record; `undefined` when none was begun.
 * Throws `result_expired` where one was, and is not kept any more: it is never begun a second time.
 */
export async function attachAgain(
  deps: ProcessDeps,
  principal: Principal,
  capsuleId: string,
  id: string,
  stage: Intent["stage"],
): Promise<ProcessStream | undefined> {
  if (stage === "new") return undefined;
  const live = await ownedLive(deps, principal, capsuleId);
  try {
    if (live !== undefined) return await live.link.attach(id, "start");
  } catch (error) {
    if (!(error instanceof AgentRefusal) || error.code !== "not_found") throw refusalToError(error);
  }
  // The agent keeps what has ended for minutes, the store for days; what neither knows was never begun.
  if (stage === "done" || (await deps.processes.find(capsuleId, id)) !== undefined) throw fail("result_expired");
  // A start may wait in a paused capsule, unseen until it goes on: to refuse this name for good would have it done under another one too.
  if (live !== undefined && live.record.state !== "running")
    throw fail("unavailable", "An earlier try of this request may be waiting in the capsule, which is paused; try again when it runs.");
  return undefined;
}

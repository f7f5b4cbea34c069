import { stateRefused } from "../capsule/change-state.ts";
import { isEndedOnRequest } from "../capsule/overtaken.ts";
import type { CapsuleStore } from "../capsule/store.ts";
import { AgentLostError } from "../ports/agent-link.ts";
import { refusalToError } from "./refusal.ts";

/**
 * The outcome of work in a capsule. Where its agent went under the work because somebody stopped or destroyed the capsule, that is
 * `invalid_state`, as it would have been a moment later, and no failure of the agent.
 */
export async function elseEnded<T>(deps: { readonly store: Pick<CapsuleStore, "find"> }, capsuleId: string, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    if (!(error instanceof AgentLostError) && !(cause instanceof AgentLostError)) throw error;
    const record = await deps.store.find(capsuleId).catch(() => undefined);
    if (record !== undefined && isEndedOnRequest(record)) throw stateRefused("invalid_state", record, "this");
    throw refusalToError(error);
  }
}

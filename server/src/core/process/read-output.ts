import { LIMITS } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { stateRefused } from "../capsule/change-state.ts";
import { ownedCapsule } from "../capsule/owned.ts";
import { ownedLive } from "../capsule/running.ts";
import { isStartable } from "../capsule/startable.ts";
import { fail } from "../fail.ts";
import type { OutputRange } from "../ports/agent-link.ts";
import { AgentRefusal } from "../ports/agent-link.ts";
import type { ProcessDeps } from "./deps.ts";
import { refusalToError } from "./refusal.ts";

export interface OutputInput {
  readonly stream: "stdout" | "stderr";
  /** Bytes from the stream's beginning. */
  readonly from: number;
  /** Bytes; more than one page are read page by page. */
  readonly limit: number;
}

/**
 * A page of what a process has printed, also while the capsule is paused. Throws `result_expired` where only the process's end is
 * remembered, and `invalid_state` where the output is there again once the capsule is started.
 */
export async function readOutput(
  deps: ProcessDeps,
  principal: Principal,
  capsuleId: string,
  selector: string,
  input: OutputInput,
): Promise<OutputRange> {
  const live = await ownedLive(deps, principal, capsuleId);
  try {
    if (live !== undefined)
      return await live.link.output(selector, input.stream, input.from, Math.min(input.limit, LIMITS.outputPageBytesMax));
  } catch (error) {
    if (!(error instanceof AgentRefusal) || error.code !== "not_found") throw refusalToError(error);
  }
  const stored = await deps.processes.find(capsuleId, selector);
  if (stored === undefined) throw fail("not_found", "There is no such process in this capsule.");
  const record = live === undefined ? await ownedCapsule(deps.store, principal, capsuleId) : undefined;
  // Its journals lie beside the disk, where only an agent reads them.
  if (record !== undefined && isStartable(record)) throw stateRefused("invalid_state", record, "reading output before it is started again");
  throw fail("result_expired");
}

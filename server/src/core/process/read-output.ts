import { LIMITS } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { ownedLive } from "../capsule/running.ts";
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

/** A page of what a process has printed, also while the capsule is paused. Throws `result_expired` where only the process's end is remembered. */
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
  throw stored === undefined ? fail("not_found", "There is no such process in this capsule.") : fail("result_expired");
}

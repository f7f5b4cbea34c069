import type { Principal } from "../access/principal.ts";
import { ownedLive } from "../capsule/running.ts";
import { fail } from "../fail.ts";
import type { KnownProcess } from "../ports/agent-link.ts";
import { AgentLostError, AgentRefusal } from "../ports/agent-link.ts";
import type { ProcessDeps } from "./deps.ts";
import { endFacts } from "./imported-entry.ts";
import type { ProcessRecord } from "./record.ts";
import { refusalToError } from "./refusal.ts";

/** A process that runs, or has ended and is remembered: by the agent for minutes, by the store for days, also when its capsule is gone. */
export async function getProcess(deps: ProcessDeps, principal: Principal, capsuleId: string, selector: string): Promise<ProcessRecord> {
  const live = await ownedLive(deps, principal, capsuleId);
  let lost: unknown;
  try {
    const known = await live?.link.get(selector);
    if (known !== undefined) return await withStoredEnd(deps, principal.teamId, capsuleId, known);
  } catch (error) {
    if (error instanceof AgentLostError) lost = error;
    else if (!(error instanceof AgentRefusal) || error.code !== "not_found") throw refusalToError(error);
  }
  const stored = await deps.processes.find(capsuleId, selector);
  if (stored !== undefined) return stored;
  throw lost === undefined ? fail("not_found", "There is no such process in this capsule.") : refusalToError(lost);
}

/** The store's end says more than the agent's: who it was that asked, and the evidence. */
async function withStoredEnd(deps: ProcessDeps, teamId: string, capsuleId: string, known: KnownProcess): Promise<ProcessRecord> {
  const { end, ...process } = known;
  if (end === null) return { ...process, capsuleId, teamId, endedAt: null, end: null };
  const stored = await deps.processes.find(capsuleId, known.id);
  if (stored !== undefined && stored.end !== null) return stored;
  return { ...process, capsuleId, teamId, endedAt: end.endedAt, end: endFacts(end, null, null) };
}

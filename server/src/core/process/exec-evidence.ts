import type { MemoryEvidence } from "@capsuled/contract";
import { memoryEvidenceOf } from "../capsule/evidence.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import type { ProcessEnd } from "../ports/agent-link.ts";
import type { ProcessDeps } from "./deps.ts";

/** What the capsule's memory was like, for an end for want of it; every other end looks at nothing. */
export async function execEvidence(deps: ProcessDeps, live: LiveCapsule | undefined, end: ProcessEnd): Promise<MemoryEvidence | null> {
  if (live === undefined || (end.reason !== "oom_killed" && end.oomKills === 0)) return null;
  return memoryEvidenceOf(deps, live.record);
}

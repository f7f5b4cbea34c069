import type { Actor, MemoryEvidence } from "@capsuled/contract";
import { KEY_ID, SYSTEM_ACTORS } from "@capsuled/contract";
import { bySystem } from "../event/actor.ts";
import type { LogEntry, ProcessEnd } from "../ports/agent-link.ts";
import type { ProcessEndFacts } from "./record.ts";
import type { ImportedEntry } from "./store.ts";

/** What the agent's own word for a caller of `shutdown` is: the capsule is being stopped or destroyed. */
const SHUTDOWN = "shutdown";

export interface EntrySource {
  readonly asker: () => Actor | null;
  readonly evidence: () => Promise<MemoryEvidence | null>;
}

/** An entry of an agent's log as it is stored: the agent's words for who asked are replaced by who it was, and an end for want of memory gets its evidence. */
export async function toImported(entry: LogEntry, source: EntrySource): Promise<ImportedEntry> {
  const { id, pid, tag, cmd, args, startedAt } = entry.process;
  const process = { id, pid, tag, cmd, args, startedAt };
  const starter = actorNamed(entry.by) ?? bySystem("driver");
  if (entry.end === null) return { process, actor: starter, end: null };
  const { end } = entry;
  const asker = end.requested?.by === SHUTDOWN ? source.asker() : actorNamed(end.requested?.by ?? null);
  const evidence = end.reason === "oom_killed" || end.oomKills > 0 ? await source.evidence() : null;
  return { process, actor: asker ?? bySystem("driver"), end: { facts: endFacts(end, asker, evidence), endedAt: end.endedAt } };
}

/** A key or a part of the server by its id; `null` for anything else that an agent may say. */
function actorNamed(id: string | null): Actor | null {
  if (id === null) return null;
  if (KEY_ID.test(id)) return { type: "api_key", id };
  const system = SYSTEM_ACTORS.find((known) => known === id);
  return system === undefined ? null : bySystem(system);
}

/** An end as it is told; `asker` stands in where the agent only knows that the capsule's end was asked for. */
export function endFacts(end: ProcessEnd, asker: Actor | null, evidence: MemoryEvidence | null): ProcessEndFacts {
  const requested = end.requested !== null && asker !== null ? { ...end.requested, by: asker.id } : end.requested;
  return {
    reason: end.reason,
    exit_code: end.exitCode,
    signal: end.signal,
    requested,
    oom_kills: end.oomKills,
    duration_ms: end.durationMs,
    stdout_bytes: end.stdoutBytes,
    stderr_bytes: end.stderrBytes,
    late_bytes: end.lateBytes,
    stdout_sha256: end.stdoutSha256 ?? null,
    stderr_sha256: end.stderrSha256 ?? null,
    evidence,
  };
}

import type { Handle } from "../ports/driver.ts";
import { toImported } from "../process/imported-entry.ts";
import { BATCH_ENTRIES_MAX } from "../process/log-follower.ts";
import type { ImportedEntry } from "../process/store.ts";
import type { CapsuleDeps } from "./deps.ts";
import { memoryEvidenceOf } from "./evidence.ts";
import type { CapsuleRecord } from "./record.ts";

/**
 * Brings into the store what the log of an agent that is no more has beyond what was read of it: a process whose start was
 * acknowledged has its start and its end told, whoever died in between. Never throws; what cannot be read is left out.
 */
export async function importLeft(deps: CapsuleDeps, id: string): Promise<void> {
  try {
    const record = await deps.store.find(id);
    if (record === undefined || record.handle === null) return;
    await importFrom(deps, record, record.handle);
  } catch (error) {
    deps.log.warn({ capsuleId: id, error }, "the log that a lost agent left could not be read");
  }
}

async function importFrom(deps: CapsuleDeps, record: CapsuleRecord, handle: Handle): Promise<void> {
  const left = await deps.leftLog(handle, record.logCursor);
  const source = { asker: () => record.requestedBy, evidence: () => memoryEvidenceOf(deps, record) };
  for (let at = 0; at < left.length; at += BATCH_ENTRIES_MAX) {
    const batch = left.slice(at, at + BATCH_ENTRIES_MAX);
    const entries: ImportedEntry[] = [];
    for (const entry of batch) entries.push(await toImported(entry, source));
    const cursor = Math.max(...batch.map(({ n }) => n)) + 1;
    if (!(await deps.processes.importLog({ capsuleId: record.id, teamId: record.teamId, handle, entries, cursor }))) return;
  }
}

import { LogFollower } from "../process/log-follower.ts";
import type { CapsuleDeps } from "./deps.ts";
import { memoryEvidenceOf } from "./evidence.ts";
import { importLeft } from "./import-left.ts";
import { connectTo } from "./hold.ts";
import type { CapsuleRecord } from "./record.ts";
import { settledWithin } from "./wait.ts";

/** Milliseconds that the end of a capsule waits for the rest of its agent's log. */
export const IMPORT_REST_MS = 1000;

/** Brings what the agent's log still has into the store, before its machine ends. What cannot be had in time gets an end that says so. */
export async function importRest(deps: CapsuleDeps, record: CapsuleRecord): Promise<void> {
  const { handle } = record;
  const live = deps.live.get(record.id);
  if (live !== undefined) return bounded(deps, record, live.follower?.finish() ?? Promise.resolve());
  if (handle === null) return;
  const link = connectTo(deps, record, handle);
  const follower = new LogFollower(deps, {
    capsuleId: record.id,
    teamId: record.teamId,
    handle,
    link,
    cursor: record.logCursor,
    asker: () => record.requestedBy,
    evidence: () => memoryEvidenceOf(deps, record),
  });
  await bounded(deps, record, follower.finish());
  follower.close();
  link.close();
}

async function bounded(deps: CapsuleDeps, record: CapsuleRecord, work: Promise<void>): Promise<void> {
  work.catch((error: unknown) => deps.log.debug({ capsuleId: record.id, error }, "the rest of a capsule's log could not be read"));
  let isRead = false;
  await settledWithin(
    work.then(() => {
      isRead = true;
    }),
    IMPORT_REST_MS,
  );
  // An agent that does not answer any more has left its log.
  if (!isRead) await importLeft(deps, record.id);
}

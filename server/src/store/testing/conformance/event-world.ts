import type { CapsuleRecord } from "../../../core/capsule/record.ts";
import type { CapsuleStore } from "../../../core/capsule/store.ts";
import type { EventStore } from "../../../core/event/store.ts";
import type { IdempotencyStore } from "../../../core/idempotency/store.ts";
import type { ProcessStore } from "../../../core/process/store.ts";
import { createAccessStore } from "../../access-store.ts";
import { createCapsuleStore } from "../../capsule-store.ts";
import type { OpenFresh } from "../../conformance.ts";
import { createEventStore } from "../../event-store.ts";
import { createIdempotencyStore } from "../../idempotency-store.ts";
import { createProcessStore } from "../../process-store.ts";
import { capsuleRecord, insertCapsule, keyRecord, teamRecord } from "../records.ts";

export interface EventWorld {
  readonly capsules: CapsuleStore;
  readonly events: EventStore;
  readonly processes: ProcessStore;
  readonly idempotency: IdempotencyStore;
  readonly teamId: string;
  readonly otherTeamId: string;
  /** Teams whose events were committed, in order. */
  readonly told: string[];
  /** A stored running capsule with a machine. */
  running(given?: Partial<CapsuleRecord>): Promise<CapsuleRecord>;
}

export type WithEventWorld = (work: (world: EventWorld) => Promise<void>) => Promise<void>;

export const HANDLE = { driver: "fake", version: 1, data: { launch: "a" } };

/** Runs work on a fresh database with two teams. */
export function withEventWorld(openFresh: OpenFresh): WithEventWorld {
  return async (work) => {
    const database = await openFresh();
    try {
      const access = createAccessStore(database);
      const [team, other] = [teamRecord(), teamRecord()];
      for (const each of [team, other]) await access.insertTeam(each, keyRecord({ teamId: each.id }));
      const told: string[] = [];
      const note = (teamId: string): void => void told.push(teamId);
      const capsules = createCapsuleStore(database, note);
      await work({
        capsules,
        events: createEventStore(database),
        processes: createProcessStore(database, note),
        idempotency: createIdempotencyStore(database),
        teamId: team.id,
        otherTeamId: other.id,
        told,
        async running(given = {}) {
          const record = capsuleRecord({ teamId: team.id, state: "running", handle: HANDLE, ...given });
          await insertCapsule(capsules, record);
          return record;
        },
      });
    } finally {
      await database.close();
    }
  };
}

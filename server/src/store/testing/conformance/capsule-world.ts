import type { CapsuleStore } from "../../../core/capsule/store.ts";
import type { CapsuleUpkeep } from "../../../core/capsule/upkeep.ts";
import { createAccessStore } from "../../access-store.ts";
import { createCapsuleStore } from "../../capsule-store.ts";
import type { OpenFresh } from "../../conformance.ts";
import { keyRecord, teamRecord } from "../records.ts";

export interface CapsuleWorld {
  readonly store: CapsuleStore & CapsuleUpkeep;
  readonly teamId: string;
  readonly otherTeamId: string;
}

export type WithCapsuleStore = (work: (world: CapsuleWorld) => Promise<void>) => Promise<void>;

/** Runs work on a fresh database with two teams. */
export function withCapsuleStore(openFresh: OpenFresh): WithCapsuleStore {
  return async (work) => {
    const database = await openFresh();
    try {
      const access = createAccessStore(database);
      const [team, other] = [teamRecord(), teamRecord()];
      for (const each of [team, other]) await access.insertTeam(each, keyRecord({ teamId: each.id }));
      await work({ store: createCapsuleStore(database), teamId: team.id, otherTeamId: other.id });
    } finally {
      await database.close();
    }
  };
}

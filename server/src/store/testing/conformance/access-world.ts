import assert from "node:assert/strict";
import type { AccessStore, TeamRecord } from "../../../core/access/store.ts";
import { createAccessStore } from "../../access-store.ts";
import type { OpenFresh } from "../../conformance.ts";
import { keyRecord, teamRecord } from "../records.ts";

export type WithAccessStore = (work: (store: AccessStore) => Promise<void>) => Promise<void>;

/** Runs work on a fresh database. */
export function withAccessStore(openFresh: OpenFresh): WithAccessStore {
  return async (work) => {
    const database = await openFresh();
    try {
      await work(createAccessStore(database));
    } finally {
      await database.close();
    }
  };
}

/** A stored team with one admin key. */
export async function addTeam(store: AccessStore, given: Partial<TeamRecord> = {}): Promise<TeamRecord> {
  const team = teamRecord(given);
  assert.equal(await store.insertTeam(team, keyRecord({ teamId: team.id })), true);
  return team;
}

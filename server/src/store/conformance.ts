import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { withAccessStore } from "./testing/conformance/access-world.ts";
import { describeCapsuleLists } from "./testing/conformance/capsule-lists.ts";
import { describeCapsuleLoops } from "./testing/conformance/capsule-loops.ts";
import { describeCapsuleRows } from "./testing/conformance/capsule-rows.ts";
import { describeBuilds } from "./testing/conformance/builds.ts";
import { withCapsuleStore } from "./testing/conformance/capsule-world.ts";
import { describeEndpoints } from "./testing/conformance/endpoints.ts";
import { withEventWorld } from "./testing/conformance/event-world.ts";
import { describeEvents } from "./testing/conformance/events.ts";
import { describeIdempotencyKeys } from "./testing/conformance/idempotency-keys.ts";
import { describeKeys } from "./testing/conformance/keys.ts";
import { describeNames } from "./testing/conformance/names.ts";
import { describeNotifications } from "./testing/conformance/notifications.ts";
import { describeProcesses } from "./testing/conformance/processes.ts";
import { describeRuns } from "./testing/conformance/runs.ts";
import { describeTeams } from "./testing/conformance/teams.ts";
import { describeTemplates } from "./testing/conformance/templates.ts";
import { describeUsage } from "./testing/conformance/usage.ts";
import type { Database } from "./database.ts";
import { migrate, SchemaMismatchError } from "./migrate.ts";
import { migrations } from "./migrations/index.ts";

/** An open, empty database for one test; closed with `close`. */
export type OpenFresh = () => Promise<Database>;

/** What every engine's stores must do. */
export function describeStore(name: string, openFresh: OpenFresh): void {
  describe(`store on ${name}`, () => {
    describeCapsuleRows(withCapsuleStore(openFresh));
    describeCapsuleLists(withCapsuleStore(openFresh));
    describeCapsuleLoops(withCapsuleStore(openFresh));
    describeTeams(withAccessStore(openFresh));
    describeKeys(withAccessStore(openFresh));
    describeEvents(withEventWorld(openFresh));
    describeProcesses(withEventWorld(openFresh));
    describeNames(withEventWorld(openFresh));
    describeIdempotencyKeys(withEventWorld(openFresh));
    describeEndpoints(openFresh);
    describeRuns(openFresh);
    describeNotifications(openFresh);
    describeTemplates(openFresh);
    describeBuilds(openFresh);
    describeUsage(openFresh);

    it("migrates once: a second start applies nothing", async () => {
      const database = await openFresh();
      try {
        assert.deepEqual(await migrate(database, migrations, 2000), []);
      } finally {
        await database.close();
      }
    });

    it("refuses a database that a newer server wrote, and one whose migration was another", async () => {
      const database = await openFresh();
      try {
        const next = { name: "9999_next", statements: () => ["create table next_table (id integer)"] };
        assert.deepEqual(await migrate(database, [...migrations, next], 2000), ["9999_next"]);
        await assert.rejects(migrate(database, migrations, 3000), SchemaMismatchError);
        await assert.rejects(migrate(database, [...migrations, { ...next, statements: () => ["select 1"] }], 3000), SchemaMismatchError);
      } finally {
        await database.close();
      }
    });

    it("applies a failing migration not at all", async () => {
      const database = await openFresh();
      try {
        const broken = { name: "9999_broken", statements: () => ["create table half (id integer)", "this is no SQL"] };
        await assert.rejects(migrate(database, [...migrations, broken], 2000));
        const whole = { name: "9999_broken", statements: () => ["create table half (id integer)"] };
        assert.deepEqual(await migrate(database, [...migrations, whole], 2000), ["9999_broken"]);
      } finally {
        await database.close();
      }
    });
  });
}

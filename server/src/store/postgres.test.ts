import assert from "node:assert/strict";
import test, { after, describe, it } from "node:test";
import { Client } from "pg";
import { StoreUnavailableError } from "../core/capsule/store.ts";
import { createAccessStore } from "./access-store.ts";
import { createCapsuleStore } from "./capsule-store.ts";
import { describeStore } from "./conformance.ts";
import type { Database } from "./database.ts";
import { POSTGRES } from "./database.ts";
import { openDatabase } from "./open.ts";
import { checkUpgraded, firstVersion } from "./testing/first-version.ts";
import { findPostgres, startPostgresCluster } from "./testing/postgres-cluster.ts";
import { capsuleRecord, insertCapsule, keyRecord, teamRecord } from "./testing/records.ts";

const bin = await findPostgres();
const isRequired = (process.env["CAPSULED_TEST_REQUIRE"] ?? "").split(",").includes("postgres");

if (bin === undefined) {
  const reason = "no PostgreSQL server is installed (looked for /usr/lib/postgresql/*/bin/initdb); on Debian: apt-get install postgresql";
  test("store on postgres", (context) => {
    if (isRequired) assert.fail(reason);
    context.skip(reason);
  });
} else {
  const cluster = await startPostgresCluster(bin);
  after(() => cluster.remove());
  const open = (url: string, now = 1000): Promise<Database> => openDatabase({ kind: "postgres", url, onIdleError: () => {} }, now);

  describeStore("postgres", async () => open(await cluster.createDatabase()));

  describe("postgres", () => {
    it("brings a database of the version before up to date, also where capsules share a name", async () => {
      const url = await cluster.createDatabase();
      const client = new Client({ connectionString: url });
      await client.connect();
      for (const statement of firstVersion(POSTGRES)) await client.query(statement);
      await client.end();
      const database = await open(url);
      await checkUpgraded(database);
      await database.close();
    });

    it("migrates once though several servers start at once", async () => {
      const url = await cluster.createDatabase();
      const servers = await Promise.all([open(url), open(url), open(url)]);
      const team = teamRecord();
      await createAccessStore(servers[0]).insertTeam(team, keyRecord({ teamId: team.id }));
      assert.equal(await createAccessStore(servers[2]).countTeams(), 1);
      await Promise.all(servers.map((server) => server.close()));
    });

    it("two servers that write the same rows' activity at once lose neither's", async () => {
      const url = await cluster.createDatabase();
      const servers = [await open(url), await open(url)];
      const team = teamRecord();
      for (const server of servers.slice(0, 1)) await createAccessStore(server).insertTeam(team, keyRecord({ teamId: team.id }));
      const stores = servers.map((server) => createCapsuleStore(server));
      const rows = Array.from({ length: 200 }, () => capsuleRecord({ teamId: team.id }));
      for (const row of rows) if (stores[0] !== undefined) await insertCapsule(stores[0], row);
      const entries = rows.map(({ id }, index) => ({ id, lastActiveAt: 5000 + index }));
      for (let round = 0; round < 5; round += 1) {
        await Promise.all([
          stores[0]?.recordActivity(entries),
          stores[1]?.recordActivity(entries.toReversed().map((entry) => ({ ...entry, lastActiveAt: entry.lastActiveAt + 1 }))),
        ]);
      }
      for (const [index, row] of rows.entries()) assert.equal((await stores[0]?.find(row.id))?.lastActiveAt, 5001 + index);
      await Promise.all(servers.map((server) => server.close()));
    });

    it("is StoreUnavailableError while the server is down, and serves again without a restart of ours", async () => {
      const url = await cluster.createDatabase();
      const database = await open(url);
      const store = createAccessStore(database);
      assert.equal(await store.countTeams(), 0);
      await cluster.stop();
      try {
        for (let round = 0; round < 3; round += 1) await assert.rejects(store.countTeams(), StoreUnavailableError);
        const withPassword = url.replace("capsuled@", "capsuled:hunter2@");
        await assert.rejects(open(withPassword), (error) => {
          assert.ok(error instanceof StoreUnavailableError);
          assert.match(error.message, /^the database localhost\/test_\d+ of CAPSULED_DATABASE_URL cannot be opened: /);
          return true;
        });
      } finally {
        await cluster.start();
      }
      assert.equal(await store.countTeams(), 0);
      await database.close();
      await assert.rejects(store.countTeams(), StoreUnavailableError);
    });
  });
}

import assert from "node:assert/strict";
import { it } from "node:test";
import type { EndpointStore } from "../../../core/endpoint/store.ts";
import { createAccessStore } from "../../access-store.ts";
import type { OpenFresh } from "../../conformance.ts";
import { createEndpointStore } from "../../endpoint-store.ts";
import { endpointRecord, keyRecord, teamRecord } from "../records.ts";

interface EndpointWorld {
  readonly store: EndpointStore;
  readonly team: { readonly id: string; readonly slug: string; readonly name: string };
  readonly other: { readonly id: string };
}

export function describeEndpoints(openFresh: OpenFresh): void {
  const withWorld = (work: (world: EndpointWorld) => Promise<void>) => async (): Promise<void> => {
    const database = await openFresh();
    try {
      const access = createAccessStore(database);
      const [team, other] = [teamRecord({ slug: "alice", name: "Alice" }), teamRecord()];
      for (const each of [team, other]) await access.insertTeam(each, keyRecord({ teamId: each.id }));
      await work({ store: createEndpointStore(database), team, other });
    } finally {
      await database.close();
    }
  };

  it(
    "gives an endpoint back as it was put, by name, by id and by its owner's slug",
    withWorld(async ({ store, team, other }) => {
      const record = endpointRecord({ teamId: team.id, name: "deploy", sealed: "v1.x", hasSecret: true, envNames: ["A"], nextRunAt: 9 });
      assert.equal(await store.apply(team.id, [{ kind: "put", record, fromVersion: 0 }]), true);
      assert.deepEqual(await store.find(team.id, "deploy"), record);
      assert.deepEqual(await store.get(record.id), record);
      assert.deepEqual(await store.findPublished("alice", "deploy"), { endpoint: record, ownerName: "Alice" });
      assert.equal(await store.find(other.id, "deploy"), undefined);
      for (const name of ["none", "a\0b", ""]) {
        assert.equal(await store.find(team.id, name), undefined);
        assert.equal(await store.findPublished("alice", name), undefined);
        assert.equal(await store.findPublished(name, "deploy"), undefined);
      }
      assert.equal(await store.count(team.id), 1);
      assert.equal(await store.count(other.id), 0);
    }),
  );

  it(
    "applies changes all or none, each on the version that it comes from",
    withWorld(async ({ store, team, other }) => {
      const [a, b] = [endpointRecord({ teamId: team.id, name: "a" }), endpointRecord({ teamId: team.id, name: "b" })];
      assert.equal(
        await store.apply(
          team.id,
          [a, b].map((record) => ({ kind: "put", record, fromVersion: 0 })),
        ),
        true,
      );
      const next = { ...a, version: 2, updatedAt: 2000, definition: { ...a.definition, command: "date" } };
      const stale = { kind: "delete", id: b.id, fromVersion: 7 } as const;
      assert.equal(await store.apply(team.id, [{ kind: "put", record: next, fromVersion: 1 }, stale]), false);
      assert.deepEqual(await store.find(team.id, "a"), a, "the first change is undone with the second");
      const taken = endpointRecord({ teamId: team.id, name: "a" });
      assert.equal(await store.apply(team.id, [{ kind: "put", record: taken, fromVersion: 0 }]), false, "the name is taken");
      assert.equal(await store.apply(other.id, [{ kind: "delete", id: b.id, fromVersion: 1 }]), false, "another team's");
      assert.equal(
        await store.apply(team.id, [
          { kind: "put", record: next, fromVersion: 1 },
          { kind: "delete", id: b.id, fromVersion: 1 },
        ]),
        true,
      );
      assert.deepEqual(await store.find(team.id, "a"), next);
      assert.equal(await store.find(team.id, "b"), undefined);
      assert.equal(await store.apply(other.id, [{ kind: "put", record: { ...taken, teamId: other.id }, fromVersion: 0 }]), true);
    }),
  );

  it(
    "lists by name, page by page",
    withWorld(async ({ store, team }) => {
      for (const name of ["c", "a", "e", "b", "d"])
        await store.apply(team.id, [{ kind: "put", record: endpointRecord({ teamId: team.id, name }), fromVersion: 0 }]);
      const seen: string[] = [];
      let cursor: string | null = null;
      do {
        const page: Awaited<ReturnType<EndpointStore["list"]>> = await store.list(team.id, 2, cursor);
        seen.push(...page.items.map(({ name }) => name));
        cursor = page.nextCursor;
      } while (cursor !== null);
      assert.deepEqual(seen, ["a", "b", "c", "d", "e"]);
    }),
  );

  it(
    "gives what is due, the longest due first, and moves it on for one server only",
    withWorld(async ({ store, team }) => {
      const make = async (name: string, nextRunAt: number | null): Promise<string> => {
        const record = endpointRecord({ teamId: team.id, name, nextRunAt });
        await store.apply(team.id, [{ kind: "put", record, fromVersion: 0 }]);
        return record.id;
      };
      const [late, soon] = [await make("late", 10), await make("soon", 20)];
      await make("later", 99);
      await make("never", null);
      assert.deepEqual(
        (await store.listDue(20, 10)).map(({ id }) => id),
        [late, soon],
      );
      assert.deepEqual(
        (await store.listDue(20, 1)).map(({ id }) => id),
        [late],
      );
      assert.deepEqual(await Promise.all([store.claimDue(late, 10, 70), store.claimDue(late, 10, 70)]), [true, false]);
      assert.equal((await store.get(late))?.nextRunAt, 70);
      const paused = await store.setSchedulePaused(soon, true, null);
      assert.deepEqual([paused?.schedulePaused, paused?.nextRunAt, paused?.version], [true, null, 1]);
      assert.equal(await store.claimDue(soon, 20, 80), false);
      assert.equal(await store.setSchedulePaused("ep-none", true, null), undefined);
    }),
  );
}

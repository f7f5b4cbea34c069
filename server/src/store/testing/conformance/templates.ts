import assert from "node:assert/strict";
import { it } from "node:test";
import { createdEvent } from "../../../core/capsule/effects.ts";
import type { CapsuleRecord } from "../../../core/capsule/record.ts";
import type { TemplateRecord } from "../../../core/template/record.ts";
import type { TemplateRows } from "../../../core/template/store.ts";
import { TemplateQuotaError } from "../../../core/template/store.ts";
import { createIds } from "../../../lib/node/ids.ts";
import { createAccessStore } from "../../access-store.ts";
import { createCapsuleStore } from "../../capsule-store.ts";
import type { OpenFresh } from "../../conformance.ts";
import { createTemplateRows } from "../../template-rows.ts";
import { capsuleRecord, keyRecord, teamRecord } from "../records.ts";

const ids = createIds();

interface Ground {
  readonly rows: TemplateRows;
  readonly capsules: ReturnType<typeof createCapsuleStore>;
  readonly teamId: string;
  readonly otherTeamId: string;
  record(given?: Partial<TemplateRecord>): TemplateRecord;
}

export function describeTemplates(openFresh: OpenFresh): void {
  const test = (name: string, act: (ground: Ground) => Promise<void>): void => {
    it(name, async () => {
      const database = await openFresh();
      try {
        const [team, other] = [teamRecord(), teamRecord()];
        for (const each of [team, other]) await createAccessStore(database).insertTeam(each, keyRecord({ teamId: each.id }));
        const plain = { hostId: "host-1", kind: "snapshot", state: "making", vcpus: 1, memoryMb: 64, diskMb: 32, sizeBytes: 0 } as const;
        const unused = { sealedSettings: null, layerKey: null, usedAt: 0 };
        const record = (given: Partial<TemplateRecord> = {}): TemplateRecord => {
          return {
            ...unused,
            id: ids.next("tp"),
            teamId: team.id,
            name: "mine",
            capsuleId: ids.next("cl"),
            createdAt: 1000,
            ...plain,
            ...given,
          };
        };
        const ground = { rows: createTemplateRows(database), capsules: createCapsuleStore(database), record };
        await act({ ...ground, teamId: team.id, otherTeamId: other.id });
      } finally {
        await database.close();
      }
    });
  };

  test("a template holds its name from its row on, is seen when it is ready, and gives its name back when it is deleted", async (ground) => {
    const { rows, record, teamId, otherTeamId } = ground;
    const first = record();
    assert.equal(await rows.insert(first, false), true);
    assert.deepEqual(await rows.find(first.id), first);
    assert.equal(await rows.findNamed(teamId, "mine"), undefined, "it is not ready");
    assert.equal(await rows.insert(record(), false), false);
    assert.equal(await rows.insert(record({ teamId: otherTeamId }), false), true, "another team's name is another one");
    assert.equal(await rows.finish(first.id, 5_000_000_000), true);
    assert.equal(await rows.finish(first.id, 1), false, "once");
    assert.deepEqual(await rows.findNamed(teamId, "mine"), { ...first, state: "ready", sizeBytes: 5_000_000_000 });
    assert.deepEqual(await rows.use(teamId), { count: 1, bytes: 5_000_000_000 });
    await rows.beginRemoval(first.id);
    assert.equal(await rows.findNamed(teamId, "mine"), undefined);
    assert.deepEqual(await rows.use(teamId), { count: 0, bytes: 0 });
    assert.equal(await rows.insert(record(), false), true);
    assert.deepEqual(
      (await rows.listOnHost("host-1", { state: "removing" })).map(({ id }) => id),
      [first.id],
    );
    await rows.remove(first.id);
    assert.equal(await rows.find(first.id), undefined);
  });

  test("the one that replaces takes the name when it is ready; of many that finish at once one has it", async ({
    rows,
    record,
    teamId,
  }) => {
    const first = record();
    await rows.insert(first, false);
    await rows.finish(first.id, 1);
    const others = [record(), record(), record()];
    for (const other of others) assert.equal(await rows.insert(other, true), true);
    assert.equal((await rows.findNamed(teamId, "mine"))?.id, first.id, "the old one stays until then");
    assert.deepEqual(await Promise.all(others.map(({ id }) => rows.finish(id, 2))), [true, true, true]);
    const ready = await rows.list(teamId);
    assert.equal(ready.length, 1);
    assert.ok(others.some(({ id }) => id === ready[0]?.id));
    assert.equal((await rows.listOnHost("host-1", { state: "removing" })).length, 3);
  });

  test("a team that is full may overwrite what it has, one at a time, and nothing else", async ({ rows, record }) => {
    const quota = { countMax: 2, bytesMax: 100 };
    for (const name of ["one", "two"]) {
      const { id } = record();
      await rows.insert(record({ id, name }), false, quota);
      await rows.finish(id, 50, undefined, quota);
    }
    const over = record({ name: "one" });
    assert.equal(await rows.insert(over, true, quota), true);
    await assert.rejects(rows.insert(record({ name: "one" }), true, quota), TemplateQuotaError, "one is being made in its place");
    await assert.rejects(rows.insert(record({ name: "new" }), true, quota), TemplateQuotaError);
    assert.equal(await rows.finish(over.id, 50, undefined, quota), true);
    await assert.rejects(rows.insert(record({ name: "one" }), false, quota), TemplateQuotaError, "it does not ask to overwrite");
  });

  test("of many that come at once, as many are stored and finished as a team's quota has room for", async ({ rows, record, teamId }) => {
    const quota = { countMax: 5, bytesMax: 100 };
    const all = Array.from({ length: 12 }, (_, n) => record({ name: `n${n}` }));
    const stored = await Promise.allSettled(all.map((one) => rows.insert(one, false, quota)));
    const isOver = (outcome: PromiseSettledResult<boolean>): boolean =>
      outcome.status === "rejected" && outcome.reason instanceof TemplateQuotaError;
    assert.deepEqual([stored.filter(({ status }) => status === "fulfilled").length, stored.filter(isOver).length], [5, 7]);
    const taken = all.filter((_, n) => stored[n]?.status === "fulfilled");
    const finished = await Promise.allSettled(taken.map(({ id }) => rows.finish(id, 40, undefined, quota)));
    assert.deepEqual([finished.filter(({ status }) => status === "fulfilled").length, finished.filter(isOver).length], [2, 3]);
    assert.deepEqual(await rows.use(teamId), { count: 5, bytes: 80 });
    const left = taken.filter((_, n) => finished[n]?.status === "rejected");
    for (const { id } of left) assert.equal((await rows.find(id))?.state, "making", "what has no room is as it was");
    for (const { id } of left) await rows.beginRemoval(id);
    const [ready] = await rows.list(teamId);
    const next = record({ name: ready?.name ?? "" });
    assert.equal(await rows.insert(next, true, quota), true);
    assert.equal(await rows.finish(next.id, 60, undefined, quota), true, "what it replaces makes room");
    assert.deepEqual(await rows.use(teamId), { count: 2, bytes: 100 });
    await assert.rejects(rows.insert(record({ name: "more" }), false, quota), TemplateQuotaError, "nothing is left of the bytes");
    assert.equal(await rows.insert(record({ name: "more" }), false, { countMax: 0, bytesMax: 0 }), true, "0 is no limit");
  });

  test("forks on their way are seen by nobody, and a list is newest first", async ({ rows, record, teamId }) => {
    const fork = record({ kind: "fork", name: null });
    await rows.insert(fork, true);
    await rows.finish(fork.id, 7);
    for (const [name, createdAt] of [
      ["a", 1],
      ["c", 3],
      ["b", 2],
    ] as const) {
      const one = record({ name, createdAt });
      await rows.insert(one, false);
      await rows.finish(one.id, 1);
    }
    assert.deepEqual(
      (await rows.list(teamId)).map(({ name }) => name),
      ["c", "b", "a"],
    );
    assert.deepEqual(await rows.use(teamId), { count: 3, bytes: 3 });
    assert.deepEqual(
      (await rows.listOnHost("host-1", { kind: "fork" })).map(({ id }) => id),
      [fork.id],
    );
    assert.equal((await rows.idsOnHost("host-1")).size, 4);
    assert.equal((await rows.idsOnHost("host-2")).size, 0);
  });

  test("a layer of the same steps is another one for each team and each host, and one for each of them", async (ground) => {
    const { rows, record, teamId, otherTeamId } = ground;
    const layer = (given: Partial<TemplateRecord>): TemplateRecord => record({ kind: "layer", name: null, layerKey: "the same", ...given });
    const [mine, elsewhere, theirs] = [layer({}), layer({ hostId: "host-2" }), layer({ teamId: otherTeamId })];
    for (const one of [mine, elsewhere, theirs]) {
      assert.equal(await rows.findLayer(one.teamId, one.hostId, "the same"), undefined, "nobody else's is found in its place");
      assert.equal(await rows.insert(one, true), true);
      assert.equal(await rows.insert(layer({ teamId: one.teamId, hostId: one.hostId }), true), false);
      assert.equal(await rows.finish(one.id, 1), true);
    }
    for (const one of [mine, elsewhere, theirs]) assert.equal((await rows.findLayer(one.teamId, one.hostId, "the same"))?.id, one.id);
    assert.equal(await rows.findLayer(otherTeamId, "host-2", "the same"), undefined);
    await rows.beginRemoval(mine.id);
    assert.equal(await rows.findLayer(teamId, "host-1", "the same"), undefined);
    assert.equal((await rows.findLayer(otherTeamId, "host-1", "the same"))?.id, theirs.id);
  });

  test("a template is awaited while a capsule that is to begin with it has no disk", async ({ rows, capsules, teamId }) => {
    const snapshotId = ids.next("tp");
    const waiting: CapsuleRecord = capsuleRecord({ teamId, snapshotId });
    await capsules.insert(waiting, createdEvent(waiting, { type: "api_key", id: "key-1" }));
    assert.deepEqual((await capsules.find(waiting.id))?.snapshotId, snapshotId);
    assert.equal(await rows.isAwaited(snapshotId), true);
    assert.equal(await rows.isAwaited(ids.next("tp")), false);
    await capsules.transition(waiting, "running", { hasDisk: true }, 2000, { event: null, unseenEnd: null });
    assert.equal(await rows.isAwaited(snapshotId), false);
  });

  test("several capsules are stored together, or none of them", async ({ capsules, teamId }) => {
    const [a, b, c] = ["a", "b", "a"].map((name) => capsuleRecord({ teamId, name }));
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    const entry = (record: CapsuleRecord) => ({ record, event: createdEvent(record, { type: "api_key", id: "key-1" }) });
    assert.equal((await capsules.insertAll([a, b, c].map(entry)))?.name, "a");
    assert.equal(await capsules.find(a.id), undefined);
    assert.equal(await capsules.insertAll([a, b].map(entry)), undefined);
    assert.deepEqual([(await capsules.find(a.id))?.name, (await capsules.find(b.id))?.name], ["a", "b"]);
  });
}

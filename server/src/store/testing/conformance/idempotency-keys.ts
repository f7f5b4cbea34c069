import assert from "node:assert/strict";
import { it } from "node:test";
import type { IdempotencyRecord } from "../../../core/idempotency/store.ts";
import type { WithEventWorld } from "./event-world.ts";

function keyOf(teamId: string, given: Partial<IdempotencyRecord> = {}): IdempotencyRecord {
  const names = { keyHash: "hash", request: "POST /v1/capsules", bodyHash: "body", sealedSeed: "seed", holder: "host/1" };
  return { teamId, ...names, leaseUntil: 500, sealedAnswer: null, createdAt: 100, finishedAt: null, ...given };
}

export function describeIdempotencyKeys(withWorld: WithEventWorld): void {
  it("gives a key to one of many that claim it at once, and that one's row to the others", () =>
    withWorld(async ({ idempotency, teamId, otherTeamId }) => {
      const claims = await Promise.all(
        Array.from({ length: 8 }, (_, index) => idempotency.claim(keyOf(teamId, { holder: `host/${index}` }))),
      );
      assert.equal(claims.filter((found) => found === undefined).length, 1);
      const holders = new Set(claims.flatMap((found) => (found === undefined ? [] : [found.holder])));
      assert.equal(holders.size, 1);
      assert.equal(await idempotency.claim(keyOf(otherTeamId)), undefined, "another team's key is another one");
    }));

  it("gives an abandoned key to one of many that take it over at once", () =>
    withWorld(async ({ idempotency, teamId }) => {
      const seen = keyOf(teamId);
      await idempotency.claim(seen);
      const taken = await Promise.all(
        Array.from({ length: 6 }, (_, index) => idempotency.takeOver(seen, `host/${index + 2}`, 900 + index)),
      );
      assert.equal(taken.filter(Boolean).length, 1);
    }));

  it("lets only its holder finish, renew, release and forget it, and nobody once it is finished", () =>
    withWorld(async ({ idempotency, teamId }) => {
      const mine = keyOf(teamId);
      await idempotency.claim(mine);
      await idempotency.finish(mine, "host/2", "answer", 200);
      await idempotency.renew(mine, "host/2", 9000);
      await idempotency.forget(mine, "host/2");
      assert.deepEqual(await idempotency.claim(mine), mine);
      await idempotency.renew(mine, "host/1", 800);
      await idempotency.finish(mine, "host/1", "answer", 200);
      const done = { ...mine, leaseUntil: 800, sealedAnswer: "answer", finishedAt: 200 };
      await idempotency.release(mine, "host/1");
      await idempotency.forget(mine, "host/1");
      assert.equal(await idempotency.takeOver(done, "host/3", 999), false);
      assert.deepEqual(await idempotency.claim(mine), done);
    }));

  it("is free again once forgotten, and can be taken at once when released", () =>
    withWorld(async ({ idempotency, teamId }) => {
      const mine = keyOf(teamId);
      await idempotency.claim(mine);
      await idempotency.release(mine, "host/1");
      assert.deepEqual(await idempotency.claim(mine), { ...mine, leaseUntil: 0 });
      await idempotency.forget(mine, "host/1");
      assert.equal(await idempotency.claim(mine), undefined);
    }));

  it("removes what is too old or too much of a team, and never what is under way", () =>
    withWorld(async ({ idempotency, teamId }) => {
      const add = (keyHash: string, given: Partial<IdempotencyRecord>): Promise<unknown> =>
        idempotency.claim(keyOf(teamId, { keyHash, ...given }));
      await add("old", { createdAt: 10, finishedAt: 20 });
      await add("under way", { createdAt: 11, leaseUntil: 5000 });
      await add("given up", { createdAt: 12, leaseUntil: 0 });
      await add("new", { createdAt: 90, finishedAt: 95 });
      await add("newest", { createdAt: 99, finishedAt: 99 });
      assert.equal(await idempotency.removeOld(teamId, 50, 100, 10), 2);
      assert.equal(await idempotency.removeOld(teamId, 0, 1, 10), 1, "all but the newest, and not what is under way");
      const left = await Promise.all(["under way", "newest"].map((keyHash) => idempotency.claim(keyOf(teamId, { keyHash }))));
      assert.ok(left.every((found) => found !== undefined));
    }));
}

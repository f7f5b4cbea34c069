import assert from "node:assert/strict";
import { NO_EFFECTS } from "../../../core/capsule/effects.ts";
import { it } from "node:test";
import { capsuleRecord, insertCapsule } from "../records.ts";
import type { WithCapsuleStore } from "./capsule-world.ts";

export function describeCapsuleRows(withStore: WithCapsuleStore): void {
  it("gives back every field as it was stored", () =>
    withStore(async ({ store, teamId }) => {
      const full = capsuleRecord({
        teamId,
        handle: { driver: "oci", version: 2, data: { pid: 17, dir: "a/b" } },
        state: "error",
        name: "naïve 'name'; --",
        metadata: { "we ird.key": "välue\u2028", __proto__x: "" },
        envNames: ["A", "B"],
        sealedEnvs: "v1.abc",
        hasDisk: true,
        reason: "boot_failed",
        message: "no room",
        startedAt: 1,
        lastActiveAt: 2,
        endedAt: 1_900_000_000_000,
      });
      const empty = capsuleRecord({ teamId });
      await insertCapsule(store, full);
      await insertCapsule(store, empty);
      assert.deepEqual(await store.find(full.id), full);
      assert.deepEqual(await store.find(empty.id), empty);
      assert.equal(await store.find("cl-none"), undefined);
    }));

  it("changes a row only from the expected state and version, and counts the version up", () =>
    withStore(async ({ store, teamId }) => {
      const capsule = capsuleRecord({ teamId });
      await insertCapsule(store, capsule);
      const started = await store.transition(capsule, "starting", { message: "a\0b" }, 2000, NO_EFFECTS);
      assert.deepEqual(started, { ...capsule, state: "starting", version: 2, stateChangedAt: 2000, message: "a\uFFFDb" });
      assert.equal(await store.transition(capsule, "starting", {}, 3000, NO_EFFECTS), undefined, "an old state and version");
      assert.equal(await store.transition({ ...capsule, state: "starting" }, "running", {}, 3000, NO_EFFECTS), undefined, "an old version");
      assert.equal(await store.transition({ ...capsule, version: 2 }, "running", {}, 3000, NO_EFFECTS), undefined, "another state");
      assert.deepEqual(await store.find(capsule.id), started);
    }));

  it("sets what a change names, also to null, leaves the rest, and moves the change's time with the state only", () =>
    withStore(async ({ store, teamId }) => {
      const handle = { driver: "fake", version: 1, data: { n: 1 } };
      const capsule = capsuleRecord({ teamId, state: "running", handle, reason: "stopped", message: "m", startedAt: 5 });
      await insertCapsule(store, capsule);
      const same = await store.transition(
        capsule,
        "running",
        { handle: null, reason: null, hasDisk: true, endedAt: 9, sealedSecret: "v1.new" },
        2000,
        NO_EFFECTS,
      );
      assert.deepEqual(same, { ...capsule, version: 2, handle: null, reason: null, hasDisk: true, endedAt: 9, sealedSecret: "v1.new" });
    }));

  it("lets exactly one of many changes at once win", () =>
    withStore(async ({ store, teamId }) => {
      const capsule = capsuleRecord({ teamId, state: "running" });
      await insertCapsule(store, capsule);
      const changes = await Promise.all(
        Array.from({ length: 8 }, (_, index) => store.transition(capsule, "pausing", { message: `${index}` }, 2000, NO_EFFECTS)),
      );
      const winners = changes.filter((change) => change !== undefined);
      assert.equal(winners.length, 1);
      assert.deepEqual(await store.find(capsule.id), winners[0]);
    }));
}

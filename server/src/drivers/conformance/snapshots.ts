import assert from "node:assert/strict";
import { CopyFailedError, HandleGoneError, TemplateMissingError } from "../../core/ports/driver.ts";
import type { DriverSnapshots } from "../../core/ports/driver.ts";
import { found, id, launch, never, specOf } from "./capsule.ts";
import { counting, freeze, thaw } from "./observe.ts";
import type { ConformanceWorld, Guarantees } from "./world.ts";

/** The power; `null` where the driver says that it has none, which is all that can be checked there. */
function powerOf({ driver }: ConformanceWorld): DriverSnapshots | null {
  assert.equal(driver.snapshots !== null, driver.capabilities.snapshot, "the power is there where the capabilities say so");
  return driver.snapshots;
}

/** What is kept of a disk, and what begins with it. */
export const SNAPSHOTS: Guarantees = {
  "a snapshot of a running capsule holds its files, and its processes go on": async (world) => {
    const snapshots = powerOf(world);
    if (snapshots === null) return;
    await using source = await launch(world);
    await source.sh("echo kept > /root/file");
    const counter = await counting(source);
    const kept = id("tp");
    const { sizeBytes } = await snapshots.take(source.handle, kept);
    assert.ok(sizeBytes > 0);
    assert.ok((await snapshots.list()).includes(kept));
    const before = counter.seen();
    await counter.next();
    assert.ok(counter.seen() > before, "the source stands still");
    await source.sh("echo later > /root/file");
    for (let count = 0; count < 2; count += 1) {
      await using made = await launch(world, { snapshotId: kept });
      assert.equal(await made.sh("cat /root/file"), "kept\n");
      await made.sh("echo own > /root/file");
      assert.equal(await made.sh("cat /root/file"), "own\n");
      assert.equal(await source.sh("cat /root/file"), "later\n");
    }
    await snapshots.remove(kept);
    assert.ok(!(await snapshots.list()).includes(kept));
  },

  "a snapshot of a paused capsule leaves it paused": async (world) => {
    const snapshots = powerOf(world);
    if (snapshots === null) return;
    if (!world.driver.capabilities.pause) return;
    await using source = await launch(world);
    await source.sh("echo kept > /root/file");
    await freeze(world, source);
    const kept = id("tp");
    await snapshots.take(source.handle, kept);
    assert.deepEqual(await found(world.driver, source.id), ["paused"]);
    await using made = await launch(world, { snapshotId: kept });
    assert.equal(await made.sh("cat /root/file"), "kept\n");
    await thaw(world, source);
    assert.equal(await source.sh("cat /root/file"), "kept\n");
    await snapshots.remove(kept);
  },

  "snapshots of what began with a snapshot hold all of it, deletions included, and go in any order": async (world) => {
    const snapshots = powerOf(world);
    if (snapshots === null) return;
    const first = id("tp");
    const second = id("tp");
    {
      await using source = await launch(world);
      await source.sh("echo one > /root/one; echo two > /root/two");
      await snapshots.take(source.handle, first);
    }
    {
      await using middle = await launch(world, { snapshotId: first });
      await middle.sh("rm /root/one; echo three > /root/three");
      await snapshots.take(middle.handle, second);
    }
    await snapshots.remove(first);
    {
      await using made = await launch(world, { snapshotId: second });
      assert.equal(await made.sh("cat /root/two /root/three; cat /root/one 2> /dev/null || echo none"), "two\nthree\nnone\n");
      await snapshots.remove(second);
      assert.equal(await made.sh("cat /root/two"), "two\n", "a capsule goes on when its template is removed");
      await world.driver.stop(made.id);
      const again = await world.driver.launch({ ...made.spec, disk: "keep", snapshotId: null }, never());
      assert.equal(await world.driver.recover(again), "running");
    }
    const left = await snapshots.list();
    assert.ok(!left.includes(first) && !left.includes(second));
  },

  "a disk that begins as another capsule's is a copy of its own, running or paused, and that one goes on as before": async (world) => {
    const snapshots = powerOf(world);
    if (snapshots === null || !(await snapshots.copiesInLaunch())) return;
    await using source = await launch(world);
    await source.sh("echo kept > /root/file; echo gone > /root/gone; rm /root/gone");
    const counter = await counting(source);
    {
      await using made = await launch(world, { sourceId: source.id });
      const before = counter.seen();
      await counter.next();
      assert.ok(counter.seen() > before, "the source stands still");
      await source.sh("echo later > /root/file");
      assert.equal(
        await made.sh("cat /root/file; ls /root/gone 2> /dev/null || echo none; echo own > /root/file; cat /root/file"),
        "kept\nnone\nown\n",
      );
      assert.equal(await source.sh("cat /root/file"), "later\n");
      await using second = await launch(world, { sourceId: made.id });
      assert.equal(await second.sh("cat /root/file"), "own\n");
      await world.driver.stop(second.id);
      const again = await world.driver.launch({ ...second.spec, disk: "keep", sourceId: null }, never());
      assert.equal(await world.driver.recover(again), "running");
    }
    if (world.driver.capabilities.pause) {
      await freeze(world, source);
      await using made = await launch(world, { sourceId: source.id });
      assert.deepEqual(await found(world.driver, source.id), ["paused"]);
      assert.equal(await made.sh("cat /root/file"), "later\n");
      await thaw(world, source);
    }
    await world.driver.stop(source.id);
    await using made = await launch(world, { sourceId: source.id });
    assert.equal(await made.sh("cat /root/file"), "later\n", "a disk at rest");
    assert.deepEqual(await snapshots.list(), []);
  },

  "a launch from a disk that is not there says so and leaves nothing, and one that is given up leaves its source as it was": async (
    world,
  ) => {
    const snapshots = powerOf(world);
    if (snapshots === null || !(await snapshots.copiesInLaunch())) return;
    const missing = specOf(world, { sourceId: id("cl") });
    await assert.rejects(
      world.driver.launch(missing, never()),
      (error) => error instanceof CopyFailedError && error.cause instanceof HandleGoneError,
    );
    assert.deepEqual(await found(world.driver, missing.capsuleId), []);
    await using source = await launch(world);
    const counter = await counting(source);
    for (const ms of [0, 2, 4, 6, 8, 12, 16]) {
      const spec = specOf(world, { sourceId: source.id });
      const outcome = await world.driver.launch(spec, AbortSignal.timeout(ms)).then(
        () => "launched",
        () => "given up",
      );
      if (outcome === "given up") assert.deepEqual(await found(world.driver, spec.capsuleId), []);
      await world.driver.destroy(spec.capsuleId);
      assert.deepEqual(await found(world.driver, source.id), ["running"], `after ${ms} ms`);
      await counter.next();
    }
  },

  "no snapshot is taken of a machine that is gone, none is launched that is not there, and neither leaves anything": async (world) => {
    const snapshots = powerOf(world);
    if (snapshots === null) return;
    await using source = await launch(world);
    const before = [...(await snapshots.list())].sort();
    await world.driver.stop(source.id);
    await assert.rejects(snapshots.take(source.handle, id("tp")), HandleGoneError);
    const spec = specOf(world, { snapshotId: id("tp") });
    await assert.rejects(world.driver.launch(spec, never()), TemplateMissingError);
    assert.deepEqual([...(await snapshots.list())].sort(), before);
    assert.deepEqual(await found(world.driver, spec.capsuleId), []);
    await snapshots.remove(id("tp"));
  },
};

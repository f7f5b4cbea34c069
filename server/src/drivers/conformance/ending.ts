import assert from "node:assert/strict";
import { HandleGoneError } from "../../core/ports/driver.ts";
import { found, id, launch } from "./capsule.ts";
import { inTime, quiet, watchEnd } from "./observe.ts";
import type { Guarantees } from "./world.ts";

/** How a machine ends, and what is left of it. */
export const ENDING: Guarantees = {
  "stop ends the machine and keeps the disk for the next launch": async (world) => {
    await using first = await launch(world);
    await first.sh("echo kept > /tmp/file");
    first.link.close();
    await world.driver.stop(first.id);
    await world.driver.stop(first.id);
    assert.equal(await world.driver.recover(first.handle), "gone");
    assert.deepEqual(await found(world.driver, first.id), ["gone"], "a disk without a machine");
    await using second = await launch(world, { capsuleId: first.id, disk: "keep" });
    assert.equal(await second.sh("cat /tmp/file"), "kept\n");
    assert.equal(await world.driver.recover(first.handle), "gone", "the handle of the earlier life stays gone");
  },

  "destroy leaves nothing, and is repeatable, also for one that never was": async (world) => {
    await using capsule = await launch(world);
    await capsule.open("sleep", ["100"]);
    await Promise.all([world.driver.destroy(capsule.id), world.driver.destroy(capsule.id)]);
    await world.driver.destroy(capsule.id);
    await world.driver.destroy(id("cl"));
    await world.driver.stop(id("cl"));
    assert.deepEqual(await found(world.driver, capsule.id), []);
    assert.equal(await world.driver.recover(capsule.handle), "gone");
  },

  "a handle that is gone is told so": async (world) => {
    await using capsule = await launch(world);
    capsule.link.close();
    await world.driver.stop(capsule.id);
    await assert.rejects(world.driver.openAgent(capsule.handle), HandleGoneError);
    await assert.rejects(world.driver.stats(capsule.handle), HandleGoneError);
    if (world.driver.capabilities.pause) await assert.rejects(world.driver.pause(capsule.handle), HandleGoneError);
  },

  "the end of a machine is told once, and not after unwatch": async (world) => {
    await using capsule = await launch(world);
    const watched = watchEnd(world.driver, capsule.handle);
    const unwatched = watchEnd(world.driver, capsule.handle);
    unwatched.stop();
    await world.crash(capsule.handle);
    await inTime(watched.gone, "the end of the machine");
    await quiet();
    assert.deepEqual([watched.count(), unwatched.count()], [1, 0]);
    watched.stop();
    assert.equal(await world.driver.recover(capsule.handle), "gone");
    await assert.rejects(world.driver.openAgent(capsule.handle), HandleGoneError);
    const states = await found(world.driver, capsule.id);
    assert.ok(
      states.every((state) => state === "gone" || state === "debris"),
      states.join(),
    );
    await world.driver.destroy(capsule.id);
    assert.deepEqual(await found(world.driver, capsule.id), []);
  },
};

import assert from "node:assert/strict";
import { found, id, launch, reach } from "./capsule.ts";
import { counting, freeze, quiet, thaw } from "./observe.ts";
import type { Guarantees } from "./world.ts";

/** What outlives a pause, a restart of the server, and the neighbours. */
export const LASTING: Guarantees = {
  "pause freezes and keeps everything, resume goes on, and both are repeatable": async (world) => {
    await using capsule = await launch(world);
    if (!world.driver.capabilities.pause) {
      await assert.rejects(world.driver.pause(capsule.handle));
      assert.equal(await world.driver.recover(capsule.handle), "running", "a refused pause changes nothing");
      assert.equal(await capsule.sh("echo on"), "on\n");
      return;
    }
    const counter = await counting(capsule);
    await freeze(world, capsule);
    await world.driver.pause(capsule.handle);
    assert.equal(await world.driver.recover(capsule.handle), "paused");
    assert.deepEqual(await found(world.driver, capsule.id), ["paused"]);
    await capsule.link.stats();
    await quiet();
    const frozen = counter.seen();
    await quiet();
    assert.equal(counter.seen(), frozen, "a frozen program got on");
    await thaw(world, capsule);
    await world.driver.resume(capsule.handle);
    assert.deepEqual(await found(world.driver, capsule.id), ["running"]);
    await counter.next();
    assert.ok(counter.seen() > frozen);
  },

  "a paused capsule (where there is pause) can be stopped and destroyed": async (world) => {
    for (const end of ["stop", "destroy"] as const) {
      await using capsule = await launch(world);
      await counting(capsule);
      if (world.driver.capabilities.pause) await freeze(world, capsule);
      await world.driver[end](capsule.id);
      assert.equal(await world.driver.recover(capsule.handle), "gone");
    }
  },

  "a driver that is begun anew finds capsules running and paused, and their agents and processes": async (world) => {
    await using running = await launch(world);
    await using paused = await launch(world);
    await running.link.start({
      id: id("pr"),
      cmd: "sleep",
      args: ["100"],
      env: { PATH: "/usr/bin:/bin" },
      cwd: "/",
      tag: "kept",
      stdin: false,
      timeoutMs: 0,
      foreground: false,
      busy: false,
      onDisconnect: "continue",
    });
    if (world.driver.capabilities.pause) await freeze(world, paused);
    const driver = await world.restarted();
    assert.equal(await driver.recover(running.handle), "running");
    assert.equal(await driver.recover(paused.handle), world.driver.capabilities.pause ? "paused" : "running");
    assert.deepEqual(await found(driver, running.id), ["running"]);
    const again = reach(world, running.spec, running.handle, driver);
    assert.deepEqual(
      (await again.link.list()).map((process) => process.tag),
      ["kept"],
    );
    assert.equal(await again.sh("echo adopted"), "adopted\n");
    again.link.close();
    await driver.destroy(paused.id);
    assert.equal(await world.driver.recover(paused.handle), "gone");
    await driver.close();
  },

  "installations on one host do not see or end one another's capsules": async (world) => {
    await using capsule = await launch(world);
    const neighbour = await world.neighbour();
    assert.deepEqual(await neighbour.list(), []);
    await neighbour.destroy(capsule.id);
    await neighbour.stop(capsule.id);
    assert.equal(await capsule.sh("echo alive"), "alive\n");
    await neighbour.close();
  },
};

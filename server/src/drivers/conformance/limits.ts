import assert from "node:assert/strict";
import { launch, MIB, text } from "./capsule.ts";
import { inTime, watchEnd } from "./observe.ts";
import type { Guarantees } from "./world.ts";

/** What a driver tells of its limits, and how it holds them. */
export const LIMITS: Guarantees = {
  "stats are facts of this capsule": async (world) => {
    await using capsule = await launch(world);
    await capsule.open("sleep", ["100"]);
    await capsule.sh("exit 0");
    const { memoryBytes, memoryPeakBytes, cpuUsageUs, pids, oomKills } = await world.driver.stats(capsule.handle);
    for (const number of [memoryBytes, memoryPeakBytes, cpuUsageUs, pids, oomKills]) assert.ok(Number.isSafeInteger(number) && number >= 0);
    assert.ok(memoryBytes > 0 && memoryBytes <= 64 * MIB && memoryPeakBytes >= memoryBytes, `${memoryBytes} ${memoryPeakBytes}`);
    assert.ok(pids >= 1 && pids <= 64, `${pids} processes`);
    assert.ok(cpuUsageUs > 0);
    assert.equal(oomKills, 0);
  },

  "what is killed for want of memory is told, and the capsule lives or not as the driver says": async (world) => {
    await using capsule = await launch(world);
    const watched = watchEnd(world.driver, capsule.handle);
    if (world.driver.capabilities.oomScope === "capsule") {
      await capsule.run(world.memoryHog.cmd, world.memoryHog.args).catch(() => undefined);
      await inTime(watched.gone, "the end of the machine");
      return;
    }
    const { end } = await capsule.run(world.memoryHog.cmd, world.memoryHog.args);
    assert.deepEqual([end.reason, end.exitCode, end.signal], ["oom_killed", 137, "SIGKILL"]);
    assert.ok(end.oomKills >= 1);
    assert.ok((await world.driver.stats(capsule.handle)).oomKills >= 1);
    assert.equal(await capsule.sh("echo alive"), "alive\n");
    assert.equal(watched.count(), 0);
    watched.stop();
  },

  "a full disk is an error inside its capsule only, where the driver says that it has quotas": async (world) => {
    if (!world.driver.capabilities.diskQuota) return { nothingToCheck: "this driver enforces no disk bound" };
    await using capsule = await launch(world);
    await using neighbour = await launch(world);
    const filled = await capsule.run(world.diskHog.cmd, world.diskHog.args);
    assert.notEqual(filled.end.exitCode, 0);
    assert.equal(filled.end.reason, "exited");
    assert.match(text(filled.stderr), /No space left|quota exceeded/i);
    await neighbour.sh("echo fine > /tmp/file");
    assert.equal(await capsule.sh("echo alive"), "alive\n");
  },
};

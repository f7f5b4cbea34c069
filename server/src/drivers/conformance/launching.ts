import assert from "node:assert/strict";
import { TemplateMissingError } from "../../core/ports/driver.ts";
import { found, launch, never, specOf, text } from "./capsule.ts";
import type { Guarantees } from "./world.ts";

/** Milliseconds into a launch at which it is called off. */
const ABORT_AFTER_MS = [0, 1, 3, 8, 20] as const;

/** What a launch gives, and leaves when it fails. */
export const LAUNCHING: Guarantees = {
  "it says that this host is able, check by check": async ({ driver }) => {
    const { ok, checks } = await driver.probe();
    assert.ok(ok && checks.length > 0, JSON.stringify(checks));
    for (const check of checks) assert.ok(check.ok && check.found !== "" && check.mend === "", JSON.stringify(check));
  },

  "a launched capsule's agent answers, and runs a command": async (world) => {
    await using capsule = await launch(world);
    const { end, stdout } = await capsule.run("sh", ["-c", "echo hello"]);
    assert.deepEqual([text(stdout), end.exitCode, end.reason], ["hello\n", 0, "exited"]);
    assert.deepEqual(await found(world.driver, capsule.id), ["running"]);
    assert.equal(await world.driver.recover(capsule.handle), "running");
    assert.equal(capsule.handle.driver, world.driver.name);
    assert.deepEqual(JSON.parse(JSON.stringify(capsule.handle)), capsule.handle, "a handle can be stored");
  },

  "the agent refuses one who does not know its secret": async (world) => {
    await using capsule = await launch(world);
    const stranger = world.connect(capsule.id, "0".repeat(64), () => world.driver.openAgent(capsule.handle));
    await assert.rejects(stranger.stats(), { name: "AgentRefusal", code: "unauthorized" });
    stranger.close();
  },

  "many connections to one agent work at once": async (world) => {
    await using capsule = await launch(world);
    const outputs = await Promise.all(Array.from({ length: 16 }, (_, n) => capsule.sh(`echo ${n}`)));
    assert.deepEqual(
      outputs,
      Array.from({ length: 16 }, (_, n) => `${n}\n`),
    );
  },

  "a second launch under one id replaces the first machine, and begins with an empty disk": async (world) => {
    await using first = await launch(world);
    await first.sh("echo old > /tmp/file");
    await using second = await launch(world, { capsuleId: first.id });
    assert.deepEqual(await found(world.driver, first.id), ["running"]);
    assert.equal(await world.driver.recover(first.handle), "gone");
    assert.equal(await world.driver.recover(second.handle), "running");
    assert.notEqual((await second.run("cat", ["/tmp/file"])).end.exitCode, 0);
    first.link.close();
  },

  "capsules do not share files or processes": async (world) => {
    await using one = await launch(world);
    await using other = await launch(world);
    await one.sh("echo secret > /tmp/file");
    await one.open("sleep", ["100"]);
    assert.notEqual((await other.run("cat", ["/tmp/file"])).end.exitCode, 0);
    assert.equal(
      (await one.link.list()).some((process) => process.cmd === "sleep"),
      true,
    );
    assert.equal(
      (await other.link.list()).some((process) => process.cmd === "sleep"),
      false,
    );
  },

  "a launch that fails leaves nothing": async (world) => {
    const spec = specOf(world, { template: "no-such-template" });
    await assert.rejects(world.driver.launch(spec, never()), TemplateMissingError);
    assert.deepEqual(await found(world.driver, spec.capsuleId), []);
  },

  "a launch that is called off leaves nothing": async (world) => {
    const aborted = specOf(world);
    await assert.rejects(world.driver.launch(aborted, AbortSignal.abort()));
    assert.deepEqual(await found(world.driver, aborted.capsuleId), []);
    for (const ms of ABORT_AFTER_MS) {
      const spec = specOf(world);
      const outcome = await world.driver.launch(spec, AbortSignal.timeout(ms)).then(
        () => "launched" as const,
        () => "called off" as const,
      );
      assert.deepEqual(await found(world.driver, spec.capsuleId), outcome === "launched" ? ["running"] : [], `after ${ms} ms`);
      await world.driver.destroy(spec.capsuleId);
    }
  },
};

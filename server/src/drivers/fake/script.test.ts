import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "node:test";
import { createAgentLink } from "../../agent-link/link.ts";
import { HandleGoneError, HostFullError, TemplateMissingError } from "../../core/ports/driver.ts";
import { AGENT_MOMENTS } from "./agent.ts";
import { createFakeDriver } from "./driver.ts";
import { FakeHost } from "./host.ts";
import { ScriptedFailure } from "./script.ts";
import { createFakeWorld, events, launchSpec, SECRET, startSpec } from "./testing/fake-world.ts";

const never = (): AbortSignal => new AbortController().signal;

test("the n-th call fails and no other", async () => {
  const driver = createFakeDriver({ script: { faults: [{ at: "launch", kind: "fail", nth: 2 }] } });
  await driver.launch(launchSpec(), never());
  await assert.rejects(driver.launch(launchSpec(), never()), ScriptedFailure);
  await driver.launch(launchSpec(), never());
  assert.equal((await driver.list()).length, 2);
  assert.equal(driver.plan.count("launch"), 3);
  driver.host.close();
});

test("a lost reply has done the work; a failure has done nothing; what is cut off half-way leaves debris", async () => {
  for (const [kind, state] of [
    ["lost_reply", ["running"]],
    ["fail", []],
    ["debris", ["debris"]],
  ] as const) {
    const driver = createFakeDriver({ script: { faults: [{ at: "launch", kind, nth: 1 }] } });
    const spec = launchSpec();
    await assert.rejects(driver.launch(spec, never()), ScriptedFailure);
    assert.deepEqual(
      (await driver.list()).map((capsule) => capsule.state),
      state,
      kind,
    );
    await driver.launch(spec, never());
    assert.deepEqual(
      (await driver.list()).map((capsule) => capsule.state),
      ["running"],
      "the same launch again puts it right",
    );
    await driver.destroy(spec.capsuleId);
    assert.deepEqual(await driver.list(), []);
    driver.host.close();
  }
});

test("a fault strikes at every kind of call", async () => {
  const faults = (["pause", "resume", "stop", "destroy", "stats", "recover", "list", "openAgent"] as const).map((at) => ({
    at,
    kind: "fail" as const,
    nth: 1,
  }));
  const driver = createFakeDriver({ script: { faults } });
  const spec = launchSpec();
  const handle = await driver.launch(spec, never());
  for (const call of [
    () => driver.pause(handle),
    () => driver.resume(handle),
    () => driver.stats(handle),
    () => driver.recover(handle),
    () => driver.list(),
    () => driver.openAgent(handle),
    () => driver.stop(spec.capsuleId),
    () => driver.destroy(spec.capsuleId),
  ]) {
    await assert.rejects(call(), ScriptedFailure);
    await call();
    if (call.toString().includes("stop")) assert.equal((await driver.list())[0]?.state, "gone");
  }
  driver.host.close();
});

test("chance comes from the seed: the same calls fail again", async () => {
  const outcomes = async (seed: number): Promise<string> => {
    const driver = createFakeDriver({ script: { seed, faults: [{ at: "list", kind: "fail", probability: 0.3 }] } });
    let text = "";
    for (let n = 0; n < 60; n += 1)
      text += await driver.list().then(
        () => ".",
        () => "x",
      );
    return text;
  };
  const first = await outcomes(7);
  assert.equal(await outcomes(7), first);
  assert.notEqual(await outcomes(8), first);
  const failures = first.split("x").length - 1;
  assert.ok(failures > 5 && failures < 35, first);
});

test("latency is that of the call, and an abort cuts it short", async () => {
  const driver = createFakeDriver({ script: { latencyMs: { launch: 60_000, list: 15 } } });
  const began = performance.now();
  await assert.rejects(driver.launch(launchSpec(), AbortSignal.timeout(10)), { name: /Abort|Timeout/ });
  assert.deepEqual(await driver.list(), []);
  const took = performance.now() - began;
  assert.ok(took >= 15 && took < 10_000, `${took} ms`);
});

test("a full host and a missing template are told as such", async () => {
  const driver = createFakeDriver({
    script: { capsulesMax: 1, templates: ["minimal"], faults: [{ at: "launch", kind: "host_full", nth: 4 }] },
  });
  await driver.launch(launchSpec(), never());
  await assert.rejects(
    driver.launch(launchSpec(), never()),
    (error: unknown) => error instanceof HostFullError && error.resource === "capsules",
  );
  await assert.rejects(driver.launch(launchSpec({ template: "other" }), never()), TemplateMissingError);
  await assert.rejects(driver.launch(launchSpec(), never()), HostFullError);
  driver.host.close();
});

for (const moment of AGENT_MOMENTS) {
  test(`an agent that dies at ${moment} takes its machine along: the operation is lost and the end is told`, async () => {
    using world = await createFakeWorld({ faults: [{ at: `agent_${moment}`, kind: "dies", nth: 1 }] });
    const gone = new Promise<void>((resolve) => void world.driver.watch(world.handle, resolve));
    await assert.rejects(world.run("echo", ["x"]), { name: "AgentLostError" });
    await gone;
    assert.equal(await world.driver.recover(world.handle), "gone");
    await assert.rejects(world.driver.openAgent(world.handle), HandleGoneError);
  });
}

test("an agent that dies amid a stream ends it with a failure", async () => {
  using world = await createFakeWorld({ faults: [{ at: "agent_output", kind: "dies", nth: 3 }] });
  const all = await events(await world.link.open(startSpec("sh", ["-c", "echo 1; sleep 0.01; echo 2; sleep 0.01; echo 3"])));
  assert.equal(all.map((event) => event.kind).join(" "), "stdout stdout failed");
});

test("a reboot of the host takes the machines, keeps the disks, and is told by recover", async () => {
  const host = new FakeHost();
  const before = createFakeDriver({ host });
  const spec = launchSpec();
  const handle = await before.launch(spec, never());
  const link = createAgentLink(spec.capsuleId, SECRET, () => before.openAgent(handle));
  await link.run(startSpec("sh", ["-c", "echo kept > /root/f"]), null, 100, never());
  link.close();
  host.reboot();
  const after = createFakeDriver({ host });
  assert.equal(await after.recover(handle), "host_restarted");
  assert.deepEqual(await after.list(), [{ capsuleId: spec.capsuleId, state: "gone" }]);
  const again = await after.launch({ ...spec, disk: "keep" }, never());
  const link2 = createAgentLink(spec.capsuleId, SECRET, () => after.openAgent(again));
  const { stdout } = await link2.run(startSpec("cat", ["/root/f"]), null, 100, never());
  assert.equal(Buffer.from(stdout).toString(), "kept\n");
  link2.close();
  host.close();
});

test("nothing is left after the host is closed: no timer, no connection", async () => {
  const kept = (): readonly string[] => process.getActiveResourcesInfo().filter((name) => name === "Timeout");
  const before = kept();
  {
    using world = await createFakeWorld();
    await world.link.start(startSpec("sleep", ["100"], { timeoutMs: 100_000 }));
    await world.link.start(startSpec("yes", [], {}));
    await world.link.open(startSpec("cat", [], { stdin: true }));
    await world.run("true", [], { foreground: false });
  }
  for (let waited = 0; kept().length > before.length && waited < 1000; waited += 10) await sleep(10);
  assert.deepEqual(kept(), before);
});

import assert from "node:assert/strict";
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import test, { after, before } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { LaunchSpec } from "../../core/ports/driver.ts";
import type { OciWorld } from "./testing/oci-world.ts";
import { CANNOT_RUN, createOciWorld, specOf, tracesOf } from "./testing/oci-world.ts";

const options = { skip: CANNOT_RUN };
let world: OciWorld;
before(async () => {
  if (CANNOT_RUN === false) world = await createOciWorld();
});
after(async () => {
  await world?.close();
});

/** Moments of a launch, in milliseconds after its begin, spread over its whole length. */
const MOMENTS = Array.from({ length: 16 }, (_, index) => index * 5);

test("a launch that is aborted at any moment leaves nothing", options, async () => {
  const traces = tracesOf(world);
  let aborted = 0;
  for (const moment of MOMENTS) {
    const spec = specOf();
    const controller = new AbortController();
    const launch = world.driver.launch(spec, controller.signal);
    const outcome = launch.then(
      () => "launched",
      () => "aborted",
    );
    await sleep(moment);
    controller.abort();
    if ((await outcome) === "aborted") aborted += 1;
    else await world.driver.destroy(spec.capsuleId);
    assert.deepEqual(tracesOf(world), traces, `after an abort at ${moment} ms`);
  }
  assert.ok(aborted >= 4, `only ${aborted} launches were caught under way`);
});

test("a launch that is aborted while its disk is copied leaves nothing", options, async () => {
  const { driver } = world;
  const source = await world.launch();
  const snapshotId = `tp-${source.id.slice(3)}`;
  await driver.snapshots?.take(source.handle, snapshotId);
  source.link.close();
  await driver.destroy(source.id);
  const traces = tracesOf(world);
  // The copy is the first thing that a launch does.
  for (let moment = 0; moment < 12; moment += 1) {
    const spec = specOf({ snapshotId });
    const controller = new AbortController();
    const launch = driver.launch(spec, controller.signal).then(
      () => "launched",
      () => "aborted",
    );
    await sleep(moment);
    controller.abort();
    if ((await launch) === "launched") await driver.destroy(spec.capsuleId);
    assert.deepEqual(tracesOf(world), traces, `after an abort at ${moment} ms`);
  }
  await driver.snapshots?.remove(snapshotId);
});

test(
  "a server killed at any moment of a launch, with launcher and runtime, leaves nothing that destroy does not remove",
  options,
  async () => {
    const traces = tracesOf(world);
    let cut = 0;
    for (const moment of MOMENTS) {
      const spec = specOf();
      if (!(await killDuringLaunch(spec, moment))) cut += 1;
      const next = await world.again();
      await next.driver.destroy(spec.capsuleId);
      assert.deepEqual(tracesOf(world), traces, `after a kill at ${moment} ms`);
      assert.deepEqual(await next.driver.list(), []);
    }
    assert.ok(cut >= 4, `only ${cut} launches were caught under way`);
  },
);

test("a launcher that is killed at any moment of a launch leaves nothing, and the next launch has another one", options, async () => {
  const traces = tracesOf(world);
  let cut = 0;
  for (const moment of [0, 10, 20, 30, 40]) {
    const spec = specOf();
    const outcome = world.driver.launch(spec, new AbortController().signal).then(
      () => "launched",
      (error: unknown) => String(error),
    );
    await sleep(moment);
    for (const pid of launchers()) process.kill(pid, "SIGKILL");
    if ((await outcome) === "launched") await world.driver.destroy(spec.capsuleId);
    else {
      cut += 1;
      assert.match(await outcome, /The launcher ended with SIGKILL/);
    }
    assert.deepEqual(tracesOf(world), traces, `after a kill at ${moment} ms`);
  }
  assert.ok(cut >= 1, "no launch was caught under way");
  const capsule = await world.launch();
  assert.equal(await capsule.sh("echo up"), "up\n");
  capsule.link.close();
  await world.driver.destroy(capsule.id);
});

test("a launch does not go on without its server", options, async () => {
  const spec = specOf();
  const server = await startLaunching(spec);
  await sleep(15);
  server.kill("SIGKILL");
  await once(server, "close");
  await groupEnded(server.pid ?? 0);
  const next = await world.again();
  await next.driver.destroy(spec.capsuleId);
  await sleep(200);
  assert.deepEqual(await next.driver.list(), []);
});

test("after a server was killed in a launch, the same id can be launched again", options, async () => {
  for (const moment of [10, 25, 40]) {
    const spec = specOf();
    await killDuringLaunch(spec, moment);
    const capsule = await (await world.again()).launch(spec);
    assert.equal(await capsule.sh("echo up"), "up\n");
    capsule.link.close();
    await world.driver.destroy(spec.capsuleId);
  }
});

/** Kills a launching server with all that it started; tells whether the launch was done by then. */
async function killDuringLaunch(spec: LaunchSpec, moment: number): Promise<boolean> {
  const server = await startLaunching(spec);
  const closed = once(server, "close");
  let said = "";
  server.stdout?.on("data", (text: Buffer) => (said += text.toString()));
  await sleep(moment);
  if (server.pid !== undefined) process.kill(-server.pid, "SIGKILL");
  await closed;
  await groupEnded(server.pid ?? 0);
  return said.includes("done");
}

/** A server that has just begun a launch, in a process group of its own, to which the launcher and the runtime belong as well. */
async function startLaunching(spec: LaunchSpec): Promise<ChildProcess> {
  const file = fileURLToPath(new URL("testing/launch-once.ts", import.meta.url));
  const { dataDir, installationId } = world.options;
  const args = [file, dataDir, installationId, spec.capsuleId, spec.agentSecret];
  const server = spawn(process.execPath, args, { detached: true, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(server, "close").then(() => {
    throw new Error("the launching server ended by itself");
  });
  const data: unknown = await Promise.race([once(server.stdout, "data"), ended]);
  ended.catch(() => undefined);
  assert.match(String(data), /^begin/);
  return server;
}

/**
 * Waits for the end of every process of the group. What is killed first finishes the call to the kernel that it is in, and that may be
 * the making of a cgroup; a real server takes far longer to start than this, and looks again for what is left.
 */
async function groupEnded(group: number): Promise<void> {
  const until = performance.now() + 10_000;
  while (readdirSync("/proc").some((name) => /^[0-9]+$/.test(name) && livesInGroup(name, group))) {
    assert.ok(performance.now() < until, `processes of the group ${group} live on`);
    await sleep(1);
  }
}

/** Launchers that this process keeps. */
function launchers(): number[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("capsuled-launcher\0serve"));
}

function livesInGroup(pid: string, group: number): boolean {
  try {
    const [state, , of] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return Number(of) === group && state !== "Z" && state !== "X";
  } catch {
    return false; // it has ended meanwhile
  }
}

test(
  "disks have their limits, too, where the first start was cut off between mounting the store and turning quotas on",
  options,
  async () => {
    const cut = await createOciWorld("none");
    try {
      const capsule = await cut.launch();
      const filled = await capsule.try("head -c 1000000000 /dev/zero > /root/fill; wc -c < /root/fill; rm /root/fill");
      assert.match(filled.stderr, /quota exceeded/i);
      capsule.link.close();
      await cut.driver.destroy(capsule.id);
    } finally {
      await cut.close();
    }
  },
);

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { createAgentLink } from "../agent-link/link.ts";
import type { Driver, DriverSnapshots } from "../core/ports/driver.ts";
import { ENDING } from "./conformance/ending.ts";
import { FILES } from "./conformance/files.ts";
import { LASTING } from "./conformance/lasting.ts";
import { LAUNCHING } from "./conformance/launching.ts";
import { LIMITS } from "./conformance/limits.ts";
import { SNAPSHOTS } from "./conformance/snapshots.ts";
import type { ConformanceWorld } from "./conformance/world.ts";
import { createFakeDriver } from "./fake/driver.ts";
import { FakeHost } from "./fake/host.ts";

const GUARANTEES = { ...LAUNCHING, ...LASTING, ...ENDING, ...LIMITS, ...FILES, ...SNAPSHOTS };

/** A world whose drivers are spoiled by `spoil`. */
function spoiled(spoil: (driver: Driver, host: FakeHost) => Partial<Driver>): ConformanceWorld {
  const host = new FakeHost();
  const make = (installation: string): Driver => {
    const driver = createFakeDriver({ host, installation, script: { templates: ["minimal"] } });
    return { ...driver, ...spoil(driver, host) };
  };
  return {
    driver: make("default"),
    template: "minimal",
    memoryHog: { cmd: "fake-oom", args: [] },
    diskHog: { cmd: "sh", args: ["-c", "yes 99999999 > /tmp/full"] },
    connect: createAgentLink,
    restarted: async () => make("default"),
    neighbour: async () => make("neighbour"),
    crash: async (handle) => host.crash(String(handle.data["capsule"])),
    close: async () => host.close(),
  };
}

function snapshotsOf(driver: Driver, spoil: (power: DriverSnapshots) => Partial<DriverSnapshots>): Partial<Driver> {
  assert.ok(driver.snapshots !== null);
  return { snapshots: { ...driver.snapshots, ...spoil(driver.snapshots) } };
}

/** Drivers with one fault each, and a word of the guarantee that must notice it. */
const FAULTS: Readonly<Record<string, readonly [guarantee: RegExp, spoil: (driver: Driver, host: FakeHost) => Partial<Driver>]>> = {
  "pause does nothing": [/^pause freezes/, () => ({ pause: async () => undefined })],
  "resume does nothing": [/^pause freezes/, () => ({ resume: async () => undefined })],
  "pause is lacking and not refused": [/^pause freezes/, (driver) => ({ capabilities: { ...driver.capabilities, pause: false } })],
  "a snapshot leaves its source frozen": [
    /^a snapshot of a running/,
    (driver) => snapshotsOf(driver, ({ take }) => ({ take: (handle, id) => take(handle, id).finally(() => driver.pause(handle)) })),
  ],
  "a snapshot thaws its source": [
    /^a snapshot of a paused/,
    (driver) => snapshotsOf(driver, ({ take }) => ({ take: (handle, id) => take(handle, id).finally(() => driver.resume(handle)) })),
  ],
  "a snapshot holds nothing": [
    /^a snapshot of a running/,
    (driver) => ({ launch: (spec, signal) => driver.launch({ ...spec, snapshotId: null }, signal) }),
  ],
  "a removed snapshot stays": [/^a snapshot of a running/, (driver) => snapshotsOf(driver, () => ({ remove: async () => undefined }))],
  "stop removes the disk": [/^stop ends/, (driver) => ({ stop: (id) => driver.destroy(id) })],
  "stop does nothing": [/^stop ends/, () => ({ stop: async () => undefined })],
  "destroy keeps the disk": [/^destroy leaves/, (driver) => ({ destroy: (id) => driver.stop(id) })],
  "destroy throws for what never was": [
    /^destroy leaves/,
    (driver) => ({
      destroy: async (id) => {
        if ((await driver.list()).every((capsule) => capsule.capsuleId !== id)) throw new Error("unknown");
        await driver.destroy(id);
      },
    }),
  ],
  "a call for an abort is not heard": [/called off/, (driver) => ({ launch: (spec) => driver.launch(spec, new AbortController().signal) })],
  "a failed launch leaves something": [
    /^a launch that fails/,
    (driver) => ({
      launch: (spec, signal) => driver.launch({ ...spec, template: "minimal" }, signal).then(() => driver.launch(spec, signal)),
    }),
  ],
  "a new launch finds the old disk": [
    /^a second launch/,
    (driver) => ({ launch: (spec, signal) => driver.launch({ ...spec, disk: "keep" }, signal) }),
  ],
  "a gone handle opens a mute connection": [
    /^a handle that is gone/,
    (driver) => ({ openAgent: (handle) => driver.openAgent(handle).catch(() => Promise.reject(new Error("?"))) }),
  ],
  "recover always says running": [/^the end of a machine/, () => ({ recover: async () => "running" })],
  "a restarted driver finds nothing": [/begun anew/, () => ({ recover: async () => "gone" })],
  "list shows the neighbours' capsules": [/^installations/, (_, host) => ({ list: () => createFakeDriver({ host }).list() })],
  "an end is told twice": [
    /^the end of a machine/,
    (driver) => ({
      watch: (handle, onGone) =>
        driver.watch(handle, () => {
          onGone();
          onGone();
        }),
    }),
  ],
  "unwatch does nothing": [
    /^the end of a machine/,
    (driver) => ({
      watch: (handle, onGone) => {
        driver.watch(handle, onGone);
        return () => undefined;
      },
    }),
  ],
  "stats are made of nothing": [
    /^stats/,
    () => ({ stats: async () => ({ memoryBytes: 0, diskBytes: 0, memoryPeakBytes: 0, cpuUsageUs: 0, pids: 0, oomKills: 0 }) }),
  ],
  "no quota where one is said to be": [
    /^a full disk/,
    (driver) => ({ launch: (spec, signal) => driver.launch({ ...spec, diskMb: 1_000_000 }, signal) }),
  ],
};

for (const [fault, [guarantee, spoil]] of Object.entries(FAULTS)) {
  test(`the suite notices a driver of which is true: ${fault}`, async () => {
    const name = Object.keys(GUARANTEES).find((key) => guarantee.test(key));
    assert.ok(name !== undefined, `no guarantee is named ${String(guarantee)}`);
    const world = spoiled(spoil);
    if (fault.startsWith("no quota")) Object.assign(world, { diskHog: { cmd: "sh", args: ["-c", "yes 20000000 > /tmp/full"] } });
    await assert.rejects(async () => GUARANTEES[name]?.(world));
    await world.close();
  });
}

/** Runs the suite of a driver that cannot run here, in a process of its own. */
function runAbsent(require: string): Promise<{ readonly code: number; readonly tap: string }> {
  const suite = JSON.stringify(new URL("./conformance.ts", import.meta.url).href);
  const program = `import { describeDriver } from ${suite}; describeDriver("absent", async () => ({ cannotRun: "this host lacks it" }));`;
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const args = ["--test-reporter=tap", "--input-type=module-typescript", "--eval", program];
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env: { ...env, CAPSULED_TEST_REQUIRE: require } }, (error, stdout) => {
      resolve({ code: error === null ? 0 : Number(error.code), tap: stdout });
    });
  });
}

test("a driver that cannot run here is skipped with the reason, and fails where it is required", async () => {
  const count = Object.keys(GUARANTEES).length;
  const optional = await runAbsent("oci,fake");
  assert.equal(optional.tap.split("# SKIP this host lacks it").length - 1, count, optional.tap);
  assert.equal(optional.code, 0);
  const required = await runAbsent("oci, absent");
  assert.equal(required.code, 1);
  assert.match(required.tap, new RegExp(`# fail ${count}\\b`));
  assert.match(required.tap, /the absent driver is required to show this, and cannot: this host lacks it/);
});

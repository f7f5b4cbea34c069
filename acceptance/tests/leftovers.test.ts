import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { expectCall } from "../harness/call.ts";
import { hostTraces, launchersOf, processUse } from "../harness/host.ts";
import { readState } from "../harness/state.ts";
import { isAlive, waitUntil } from "../harness/wait.ts";

/** Runs after the other files: everything they made must be gone from the host. */
const baseline = z
  .object({
    traces: z.object({
      mounts: z.array(z.string()),
      cgroups: z.array(z.string()),
      processes: z.array(z.string()),
      networkNamespaces: z.array(z.string()),
      interfaces: z.array(z.string()),
      loopDevices: z.array(z.string()),
      runEntries: z.array(z.string()),
      disks: z.array(z.string()),
    }),
    use: z.object({ pid: z.number(), descriptors: z.number(), rssBytes: z.number(), threads: z.number(), children: z.number() }),
  })
  .parse(JSON.parse(readFileSync(process.env["CAPSULED_TEST_BASELINE"] ?? "", "utf8")));

for (const what of ["mounts", "cgroups", "processes", "networkNamespaces", "interfaces", "loopDevices", "runEntries", "disks"] as const) {
  test(`no ${what} of capsules are left on the host`, { timeout: 300_000 }, async () => {
    const { dataDir } = readState();
    const left = (): readonly string[] => hostTraces(dataDir)[what].filter((entry) => !baseline.traces[what].includes(entry));
    await waitUntil(() => (left().length === 0 ? true : undefined), { what, timeoutMs: 20_000, everyMs: 200 }).catch(() => {}); // the assertion tells what
    assert.deepEqual(left(), []);
  });
}

test(
  "the server lives, lists no capsule, and holds no more descriptors, threads or children than at the start",
  { timeout: 300_000 },
  async () => {
    const { pid } = readState();
    assert.ok(isAlive(pid));
    const list = await expectCall("listCapsules", 200);
    assert.deepEqual(Array.isArray(list) ? list.map(({ id }) => id) : list, []);
    // Threads for transformers and files end when nobody has needed them for half a minute.
    // What is made ahead for the next capsules has children of the server's at work, at times also when the baseline is taken.
    let now = processUse(pid);
    await waitUntil(
      () => {
        now = processUse(pid);
        const isAsBefore = now.descriptors <= baseline.use.descriptors + 6 && now.threads <= baseline.use.threads + 2 && now.children === 0;
        return isAsBefore ? true : undefined;
      },
      { what: "descriptors to be closed, threads and children to end", timeoutMs: 60_000, everyMs: 500 },
    ).catch(() => {});
    assert.ok(now.descriptors <= baseline.use.descriptors + 6, `${now.descriptors} descriptors, ${baseline.use.descriptors} at the start`);
    assert.ok(now.threads <= baseline.use.threads + 2, `${now.threads} threads, ${baseline.use.threads} at the start`);
    assert.equal(now.children, 0);
  },
);

test("the launchers, one for capsules and one for networks, have kept nothing of the steps that they did", () => {
  const launchers = launchersOf(readState().pid);
  assert.equal(launchers.length, 2);
  for (const launcher of launchers) {
    const { descriptors, rssBytes, threads } = processUse(launcher);
    assert.ok(descriptors <= 6, `${descriptors} descriptors`);
    assert.ok(rssBytes < 16 << 20, `${rssBytes} bytes`);
    assert.equal(threads, 1);
  }
});

test("the server's memory is bounded after all that was done to it", () => {
  const { rssBytes } = processUse(readState().pid);
  // A few hundred MiB are what allocators keep of the most that tests held at once; what is in use is below a hundred.
  assert.ok(rssBytes < 640 << 20, `${rssBytes >> 20} MiB, ${baseline.use.rssBytes >> 20} at the start`);
});

test("the server's log holds no crash, no unhandled rejection and no internal error", () => {
  const log = readFileSync(readState().logFile, "utf8");
  const bad = log
    .split("\n")
    .filter((line) =>
      /unhandled|uncaught|"level":"fatal"|internal_error|ERR_UNHANDLED|MaxListenersExceeded|ExperimentalWarning|DeprecationWarning/i.test(
        line,
      ),
    );
  assert.deepEqual(bad.slice(0, 5), []);
});

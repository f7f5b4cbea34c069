import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { closeSync, existsSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { call, errorOf, expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { allEvents } from "../harness/events.ts";
import { readState } from "../harness/state.ts";
import { attach } from "../harness/stream.ts";
import { waitUntil } from "../harness/wait.ts";

const WAITS = "while [ ! -e /root/go ]; do sleep 0.05; done; echo late; exit 4";

/** Whether a database may answer this call while it cannot be written: as ever, or with a 503 that says so. */
function isReadOrUnavailable({ status, body }: { readonly status: number; readonly body: unknown }): boolean {
  return status === 200 || (status === 503 && errorOf(body).code === "unavailable");
}

/** Uses a capsule while the running server's database is broken, and looks afterwards whether anything was lost or half made. */
async function holdsWhileBroken(breakIt: () => void, mendIt: () => void): Promise<void> {
  await using capsule: TestCapsule = await newCapsule({ memory_mb: 64 });
  const { id: waiting } = await capsule.background({ cmd: "sh", args: ["-c", WAITS], tag: "waiting" });
  const key = randomUUID();
  const create = { headers: { "idempotency-key": key }, body: { memory_mb: 64, metadata: { broken: key } } };
  const at = { params: { id: capsule.id } };
  let during = "";
  breakIt();
  try {
    for (const refused of [
      await call("createCapsule", create),
      await call("pauseCapsule", at),
      await call("stopCapsule", at),
      await call("createKey", { body: { name: "broken" } }),
    ]) {
      assert.deepEqual([refused.status, errorOf(refused.body).code], [503, "unavailable"]);
      assert.ok(Number(refused.headers.get("retry-after")) > 0);
    }
    for (const read of [await call("getCapsule", at), await call("listCapsules"), await call("listEvents")])
      assert.ok(isReadOrUnavailable(read), `${read.status}`);
    assert.equal((await capsule.sh("touch /root/go; echo goes on")).stdout, "goes on\n");
    ({ id: during } = await capsule.background({ cmd: "sh", args: ["-c", "echo during; exit 3"], tag: "during" }));
    for (const [selector, text, code] of [
      [waiting, "late\n", 4],
      [during, "during\n", 3],
    ] as const) {
      await using stream = await attach(capsule.id, selector, "?from=start");
      assert.equal((await stream.message("exit")).exit_code, code);
      assert.equal(stream.text(), text);
    }
  } finally {
    mendIt();
  }
  assert.equal((await capsule.get()).status, "running", "neither pause nor stop was half made");
  const again = await expectCall("createCapsule", 201, create);
  const made = await expectCall("listCapsules", 200, { query: { "metadata.broken": key } });
  assert.deepEqual(Array.isArray(made) && made.map((one) => one.id), [again.id], "the repeat made the only one");
  await expectCall("destroyCapsule", 204, { params: { id: again.id } });
  for (const id of [waiting, during])
    await waitUntil(
      async () => {
        const told = (await allEvents(undefined, capsule.id)).filter(({ process_id }) => process_id === id).map(({ type }) => type);
        return told.join() === "process.started,process.ended" ? true : undefined;
      },
      { what: `start and end of ${id} among the events` },
    );
  await expectCall("destroyCapsule", 204, at);
  for (const [selector, code, bytes] of [
    [waiting, 4, 5],
    [during, 3, 7],
  ] as const) {
    const end = await expectCall("getProcess", 200, { params: { id: capsule.id, selector } });
    assert.deepEqual([end.exit_code, end.reason, end.stdout_bytes], [code, "exited", bytes], "the end is in the store");
  }
}

test(
  "while the running server's database file is moved away changes are a 503, commands go on, and all is stored once it is back",
  { timeout: 300_000 },
  async () => {
    const file = join(readState().dataDir, "capsuled.db");
    await holdsWhileBroken(
      () => renameSync(file, `${file}.away`),
      () => renameSync(`${file}.away`, file),
    );
  },
);

/** Whether a file that is made immutable takes no more writes through descriptors that are open, as a disk gone read-only does not. */
function immutableStopsWrites(dir: string): boolean {
  const probe = join(dir, "immutable-probe");
  const fd = openSync(probe, "w");
  try {
    execFileSync("chattr", ["+i", probe], { stdio: "ignore" });
    writeSync(fd, "x");
    return false;
  } catch {
    return true;
  } finally {
    closeSync(fd);
    execFileSync("chattr", ["-i", probe], { stdio: "ignore" });
    rmSync(probe);
  }
}

test(
  "while the running server's database cannot be written changes are a 503, commands go on, and all is stored once it can be",
  {
    timeout: 300_000,
    skip:
      !immutableStopsWrites(readState().dataDir) &&
      "the data directory's file system lets immutable files be written through open descriptors",
  },
  async () => {
    const file = join(readState().dataDir, "capsuled.db");
    // The index of the log is mapped into memory; what a kernel does to a process that cannot write to that is another matter.
    const files = [file, `${file}-wal`].filter((name) => existsSync(name));
    await holdsWhileBroken(
      () => execFileSync("chattr", ["+i", ...files]),
      () => execFileSync("chattr", ["-i", ...files]),
    );
  },
);

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { call, errorOf, expectCall, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import { hostTraces, newTraces } from "../harness/host.ts";
import { readState } from "../harness/state.ts";
import { waitUntil } from "../harness/wait.ts";

/** More files than the creation of a capsule makes in its directory. */
const FILES_MAX = 40;

test(
  "a disk that is full at any step of a creation is a clear refusal that leaves nothing, and space that returns is used",
  { timeout: 300_000 },
  async () => {
    await using running = await newCapsule({ memory_mb: 64 });
    const { dataDir } = readState();
    const directory = join(dataDir, "capsules");
    // The runtime may still be about to end when its capsule runs.
    const before = await waitUntil(
      () => {
        const traces = hostTraces(dataDir);
        return traces.processes.some((one) => /(crun|runc)/.test(one)) ? undefined : traces;
      },
      { what: "the launch to be over", timeoutMs: 10_000, everyMs: 20 },
    );
    // Each of these has room for one file more, the last one for all.
    execFileSync("mount", ["-t", "tmpfs", "-o", "nr_inodes=1,size=4m,mode=0700", "tmpfs", directory]);
    try {
      let refused = 0;
      for (; ; refused++) {
        assert.ok(refused < FILES_MAX, "it never came up");
        execFileSync("mount", ["-o", `remount,nr_inodes=${refused + 1}`, directory]);
        const made = await call("createCapsule", { body: { memory_mb: 64, metadata: { full: "files" }, wait_ms: 60_000 } });
        if (made.status === 201) {
          const id = String(property(made.body, "id"));
          assert.equal(property(made.body, "status"), "running");
          await expectCall("destroyCapsule", 204, { params: { id } });
          break;
        }
        const { code, details } = errorOf(made.body);
        assert.deepEqual([made.status, code, property(details, "resource")], [503, "host_full", "disk"], `room for ${refused} files`);
        assert.deepEqual(await expectCall("listCapsules", 200, { query: { "metadata.full": "files" } }), []);
        assert.deepEqual(readdirSync(directory), []);
      }
      assert.ok(refused >= 4, `${refused} of its steps were refused`);
    } finally {
      execFileSync("umount", [directory]);
    }
    assert.deepEqual(await newTraces(dataDir, before), [], "nothing is left behind");
    assert.equal((await running.sh("echo goes on")).stdout, "goes on\n");
  },
);

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { chooseRuntime } from "../runtimes.ts";
import { CANNOT_RUN, createOciWorld } from "../testing/oci-world.ts";
import { ReadyFilter } from "./ready-filter.ts";

const ANNOTATION = "run.oci.seccomp_bpf_data";

test("a filter is taken over once, and only where what the runtime left can be one", () => {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-filter-"));
  try {
    const filter = new ReadyFilter();
    filter.learn(join(dir, "nothing"));
    assert.deepEqual(filter.annotations(), {});
    for (const size of [0, 12, 8 * 4097]) {
      writeFileSync(join(dir, "seccomp.bpf"), Buffer.alloc(size, 1));
      filter.learn(dir);
      assert.deepEqual(filter.annotations(), {}, `${size} bytes`);
    }
    writeFileSync(join(dir, "seccomp.bpf"), Buffer.alloc(16, 2));
    filter.learn(dir);
    writeFileSync(join(dir, "seccomp.bpf"), Buffer.alloc(16, 3));
    filter.learn(dir);
    assert.deepEqual(filter.annotations(), { [ANNOTATION]: Buffer.alloc(16, 2).toString("base64") });
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test(
  "what is launched with the filter of an earlier launch has the very same filter in force, and the profile beside it",
  { skip: CANNOT_RUN || (chooseRuntime("auto") === "crun" ? false : "crun launches nothing on this host") },
  async () => {
    const first = await createOciWorld();
    try {
      const world = await first.again({ runtime: "crun" });
      const seen = [];
      for (const isReady of [false, true, true]) {
        const capsule = await world.launch();
        const { runtimeState } = world.paths(capsule.id);
        const config: unknown = JSON.parse(readFileSync(join(runtimeState, "config.json"), "utf8"));
        assert.equal(ANNOTATION in Object(Reflect.get(Object(config), "annotations")), isReady);
        // The filter refuses it, nothing else would. Once the agent answers, what it was started with is in force.
        const refused = await capsule.sh("unshare -U true 2>&1 || true");
        const status = readFileSync(`/proc/${String(capsule.handle.data["pid"])}/status`, "utf8");
        seen.push({
          inForce: status.match(/^Seccomp.*$/gm),
          compiled: readFileSync(join(runtimeState, "seccomp.bpf")).toString("base64"),
          profile: JSON.stringify(Reflect.get(Object(Reflect.get(Object(config), "linux")), "seccomp")),
          refused,
        });
        assert.match(seen.at(-1)?.inForce?.join(" ") ?? "", /Seccomp:\s2/);
        await world.driver.destroy(capsule.id);
      }
      assert.deepEqual(seen[1], seen[0]);
      assert.deepEqual(seen[2], seen[0]);
    } finally {
      await first.close();
    }
  },
);

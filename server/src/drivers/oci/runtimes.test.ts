import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { hasProgram } from "./has-program.ts";
import { findHierarchies } from "./hierarchies.ts";
import { parseMountinfo } from "./mountinfo.ts";
import { agentLimits, chooseRuntime, leavesCgroupsAlone } from "./runtimes.ts";
import { CANNOT_RUN, createOciWorld } from "./testing/oci-world.ts";

const V1 = ["memory", "pids", "devices", "cpu,cpuacct"].map(
  (name, n) => `${40 + n} 30 0:${30 + n} / /sys/fs/cgroup/${name} rw - cgroup cgroup rw,${name}\n`,
);
const hybrid = findHierarchies(parseMountinfo(`${V1.join("")}50 30 0:50 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`));
const without = (name: string) => findHierarchies(parseMountinfo(V1.filter((line) => !line.includes(name)).join("")));
const pure = findHierarchies(parseMountinfo("30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"));

test("the runtime of itself is crun where it is installed and cgroup v1 has all limits of the agent, otherwise runc; a named one is taken", () => {
  const both = (): boolean => true;
  assert.equal(chooseRuntime("auto", hybrid, both), "crun");
  assert.equal(
    chooseRuntime("auto", hybrid, (name) => name === "runc"),
    "runc",
  );
  for (const mounts of [pure, without("memory"), without("pids"), without("devices")])
    assert.equal(chooseRuntime("auto", mounts, both), "runc");
  assert.equal(chooseRuntime("/opt/crun", pure, both), "/opt/crun");
});

test("the agent's group takes every device away before it gives the harmless ones", () => {
  const limits = agentLimits(hybrid, "/usr/bin/crun") ?? [];
  assert.deepEqual(
    limits.slice(0, 4).map(({ mount, file, value }) => `${mount}/${file}=${value}`),
    [
      "/sys/fs/cgroup/memory/memory.limit_in_bytes=67108864",
      "/sys/fs/cgroup/memory/memory.memsw.limit_in_bytes=67108864",
      "/sys/fs/cgroup/pids/pids.max=64",
      "/sys/fs/cgroup/devices/devices.deny=a",
    ],
  );
  assert.ok(limits.slice(4).every(({ file }) => file === "devices.allow"));
  assert.equal(agentLimits(hybrid, "runc"), null);
});

for (const runtime of ["runc", "crun"]) {
  const skip = CANNOT_RUN || (hasProgram(runtime) ? false : `no ${runtime}`);
  test(
    `launched by ${runtime}, the agent is in its group in every hierarchy, within its limits, and nothing is left after`,
    { skip },
    async () => {
      const first = await createOciWorld();
      try {
        const world = await first.again({ runtime });
        const { hierarchies, layout } = world.host;
        const capsule = await world.launch();
        const { cgroup, runtimeState } = world.paths(capsule.id);
        const group = (mount: string): string => `${mount}${cgroup}/agent`;
        const pid = String(capsule.handle.data["pid"]);
        // The runtime itself may still be told there for a moment after its end.
        const isIn = (file: string): boolean => readFileSync(file, "utf8").split("\n").includes(pid);
        assert.ok(isIn(`${group(hierarchies.unified)}/cgroup.procs`));
        for (const mount of hierarchies.v1) assert.ok(isIn(`${group(mount)}/tasks`), mount);
        const memory = hierarchies.v1Of.get("memory");
        const most = memory === undefined ? `${group(hierarchies.unified)}/memory.max` : `${group(memory)}/memory.limit_in_bytes`;
        assert.equal(readFileSync(most, "utf8").trim(), String(64 * 1024 * 1024));
        assert.equal(readFileSync(`${group(hierarchies.v1Of.get("pids") ?? hierarchies.unified)}/pids.max`, "utf8").trim(), "64");
        if (hierarchies.devices !== null) {
          const open = readFileSync(`${group(hierarchies.devices)}/devices.list`, "utf8").split("\n");
          assert.ok(!open.some((line) => line.startsWith("a ") || /^b .*[rw]/.test(line)), open.join("; "));
        }
        assert.equal(await capsule.sh("echo in"), "in\n");
        // Another server may run another runtime: what one has launched any other one removes.
        const other = await first.again({ runtime: runtime === "runc" ? "crun" : "runc" });
        if (leavesCgroupsAlone(hierarchies, "crun")) await other.driver.destroy(capsule.id);
        else await world.driver.destroy(capsule.id);
        for (const mount of [hierarchies.unified, ...hierarchies.v1]) assert.ok(!existsSync(mount + cgroup), mount);
        assert.ok(!existsSync(runtimeState));
        assert.deepEqual(readdirSync(layout.runtimeRoot), []);
      } finally {
        await first.close();
      }
    },
  );
}

test(
  "what is put in the runtime's place is what the next launch runs, also where it is a script",
  {
    skip:
      CANNOT_RUN || (existsSync("/usr/bin/crun") ? false : "no /usr/bin/crun") || (leavesCgroupsAlone(ownHost(), "crun") ? false : "runc"),
  },
  async () => {
    const first = await createOciWorld();
    const dir = mkdtempSync(join(tmpdir(), "capsuled-runtime-"));
    try {
      const runtime = join(dir, "crun");
      copyFileSync("/usr/bin/crun", runtime);
      const world = await first.again({ runtime });
      for (const _ of [1, 2]) await world.driver.destroy((await world.launch()).id);
      const trace = join(dir, "ran");
      writeFileSync(`${runtime}.new`, `#!/bin/sh\necho >> ${trace}\nexec /usr/bin/crun "$@"\n`, { mode: 0o755 });
      renameSync(`${runtime}.new`, runtime);
      const capsule = await world.launch();
      assert.equal(await capsule.sh("echo in"), "in\n");
      await world.driver.destroy(capsule.id);
      assert.equal(readFileSync(trace, "utf8"), "\n");
    } finally {
      rmSync(dir, { recursive: true, force: true });
      await first.close();
    }
  },
);

function ownHost(): ReturnType<typeof findHierarchies> {
  return findHierarchies(parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")));
}

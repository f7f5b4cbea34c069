import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, rmdirSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { findHierarchies } from "../hierarchies.ts";
import { createLauncher } from "../launcher.ts";
import { parseMountinfo } from "../mountinfo.ts";
import { testOptions } from "../testing/oci-world.ts";
import { networkPrograms } from "./inside.ts";
import { endResolvers, isResolver, ownConfig, resolversOf, startShared } from "./resolver.ts";
import { subnetOf } from "./subnet.ts";

test("a resolver lives in the background, also when the launcher that started it has ended, and leaves the host's /dev/null whose and what it was", async () => {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-resolver-"));
  const configFile = join(dir, "dnsmasq.conf");
  try {
    const nullDevice = (): readonly number[] => {
      const { uid, gid, mode } = statSync("/dev/null");
      return [uid, gid, mode];
    };
    const egress = { allow: [{ to: "one.example", ports: [] }] };
    const config = ownConfig(egress, subnetOf("10.200.0.0/20", "test")).replace(/^port=.*$/m, "port=20953");
    const before = nullDevice();
    const launcher = createLauncher(testOptions(dir, "test").launcherBinary);
    await startShared(configFile, config, networkPrograms(launcher).run);
    await launcher.close();
    const [pid = 0, ...others] = resolversOf(configFile);
    assert.deepEqual(others, []);
    assert.equal(isResolver(pid, configFile), true);
    assert.equal(isResolver(pid, `${configFile}.other`), false);
    assert.equal(isResolver(process.pid, configFile), false);
    assert.deepEqual(nullDevice(), before);
  } finally {
    endResolvers(configFile);
    rmSync(dir, { recursive: true });
  }
});

test("a process in a capsule's group is never taken for the resolver, nor its memory read for that, whatever it calls itself", async () => {
  const configFile = "/nowhere/resolver.conf";
  const { unified } = findHierarchies(parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")));
  assert.ok(unified !== null);
  const group = join(unified, `cl-${"0".repeat(25)}`);
  // Named by itself, and kept until its input ends.
  const script = "printf dnsmasq > /proc/$$/comm; echo ready; read end";
  const named = spawn("sh", ["-c", script, "sh", `--conf-file=${configFile}`], { argv0: "dnsmasq", stdio: ["pipe", "pipe", "inherit"] });
  const ended = once(named, "exit");
  try {
    await once(named.stdout, "data");
    const { pid = 0 } = named;
    assert.deepEqual(resolversOf(configFile), [pid], "outside of one it is");
    mkdirSync(group);
    writeFileSync(join(group, "cgroup.procs"), String(pid));
    assert.deepEqual(resolversOf(configFile), []);
  } finally {
    named.stdin.end();
    await ended;
    if (existsSync(group)) rmdirSync(group);
  }
});

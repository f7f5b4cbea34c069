import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { createLauncher } from "../launcher.ts";
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

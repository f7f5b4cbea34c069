import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { whyNoServer } from "../../cli/src/server-program.ts";
import { agentManifest, agentPackage, CPUS, ownCpu, stageAgent } from "./agent.ts";
import { manifestOf, ROOT } from "./staging.ts";

const dir = mkdtempSync(join(tmpdir(), "capsuled-pack-agent-"));
after(() => rmSync(dir, { recursive: true, force: true }));

test("npm takes the binaries of one architecture only, and the command line starts a server on no other", () => {
  for (const cpu of CPUS) {
    const manifest = agentManifest(cpu);
    assert.deepEqual([manifest.name, manifest["os"], manifest["cpu"]], [agentPackage(cpu), ["linux"], [cpu]]);
    assert.equal(whyNoServer({ platform: "linux", arch: cpu, versions: { node: "24.12.0" } }), null);
  }
  for (const arch of ["arm", "ia32", "riscv64", "ppc64"])
    assert.match(whyNoServer({ platform: "linux", arch, versions: { node: "24.12.0" } }) ?? "", new RegExp(`64-bit Arm.*this is ${arch}`));
});

test("a package of binaries has both programs, executable, and says whose they are", () => {
  const built = join(dir, "built");
  mkdirSync(built);
  for (const name of ["capsuled-agent", "capsuled-launcher"]) {
    writeFileSync(join(built, name), `#!/bin/sh\necho ${name}\n`);
    chmodSync(join(built, name), 0o600);
  }
  for (const cpu of CPUS) {
    const at = stageAgent(join(dir, cpu), cpu, built);
    assert.deepEqual(manifestOf(at), agentManifest(cpu));
    for (const name of ["capsuled-agent", "capsuled-launcher"])
      assert.equal(spawnSync(join(at, "bin", name), { encoding: "utf8" }).stdout, `${name}\n`);
    assert.match(readFileSync(join(at, "README.md"), "utf8"), new RegExp(`^# ${agentPackage(cpu)}\n`));
  }
  assert.throws(
    () => stageAgent(join(dir, "none"), "x64", join(dir, "nowhere")),
    /nowhere\/capsuled-agent is not built: scripts\/setup builds it/,
  );
});

test("where the other architecture cannot be built for, each missing tool is named with what brings it, and nothing is built", () => {
  const other = CPUS.find((cpu) => cpu !== ownCpu());
  const bin = join(dir, "bin");
  mkdirSync(bin);
  const place = (name: string, script: string): void => writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  place("cargo", "echo built >&2; exit 1");
  place("rustc", "echo /nowhere");
  const run = () =>
    spawnSync("bash", [join(ROOT, "scripts/cross-build"), String(other)], {
      encoding: "utf8",
      env: { PATH: `${bin}:${process.env["PATH"] ?? ""}`, HOME: dir },
    });
  const machine = other === "arm64" ? "aarch64" : "x86_64";
  place(`${machine}-linux-gnu-gcc`, "echo libc.a");
  const { status, stderr } = run();
  assert.equal(status, 69, stderr);
  assert.match(stderr, new RegExp(`rustup target add ${machine}-unknown-linux-gnu\n.*no static C library.*libc6-dev-\\w+-cross\\)\n$`));
  assert.doesNotMatch(stderr, /built/);
});

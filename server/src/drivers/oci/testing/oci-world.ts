import { isMissing } from "../../../lib/node/missing.ts";
import { randomBytes } from "node:crypto";
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, rmdirSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createAgentLink } from "../../../agent-link/link.ts";
import type { AgentLink } from "../../../core/ports/agent-link.ts";
import type { Driver, Handle, LaunchSpec } from "../../../core/ports/driver.ts";
import type { OciHost } from "../host.ts";
import { openHost } from "../host.ts";
import type { CapsulePaths } from "../layout.ts";
import { capsulePaths } from "../layout.ts";
import { createDriver } from "../driver.ts";
import type { OciOptions } from "../options.ts";
import { chooseRuntime } from "../runtimes.ts";
import { closeStore } from "../store-mount.ts";
import { createLauncher } from "../launcher.ts";
import { makeTinyTemplate } from "./tiny-template.ts";

const repository = fileURLToPath(new URL("../../../../../", import.meta.url));

/** Why real capsules cannot be tested here; `false` when they can. */
export const CANNOT_RUN: string | false = process.getuid?.() === 0 ? false : "real capsules need root";

/** A driver with a data directory and an installation of its own. */
export interface OciWorld {
  readonly driver: Driver;
  readonly host: OciHost;
  readonly options: OciOptions;
  paths(id: string): CapsulePaths;
  launch(spec?: Partial<LaunchSpec>): Promise<RunningCapsule>;
  /** Another server of the same installation, as after `kill -9`. */
  again(options?: Partial<OciOptions>): Promise<OciWorld>;
  close(): Promise<void>;
}

export interface RunningCapsule {
  readonly id: string;
  readonly handle: Handle;
  readonly link: AgentLink;
  /** Runs a shell line inside and gives what it printed; throws unless it exits 0. */
  sh(line: string): Promise<string>;
  /** The same, whatever it exits with. */
  try(line: string): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
}

/**
 * @param quotas "full": a store as kernels before 6.7 make it, where this host is not on btrfs itself; "none": one as a start leaves it
 * that is cut off once it is mounted
 */
export async function createOciWorld(quotas?: "full" | "none"): Promise<OciWorld> {
  const dataDir = mkdtempSync(join(tmpdir(), "capsuled-oci-test-"));
  const options = testOptions(dataDir, `test-${randomBytes(5).toString("hex")}`);
  if (quotas !== undefined) await makeStore(options, quotas);
  const world = await openWorld(options);
  makeTinyTemplate(world.host.layout.templatesDir);
  return world;
}

async function makeStore({ dataDir, launcherBinary, storeMb }: OciOptions, quotas: "full" | "none"): Promise<void> {
  const [image, store] = [join(dataDir, "store.img"), join(dataDir, "store")];
  writeFileSync(image, "");
  truncateSync(image, storeMb * 1024 * 1024);
  mkdirSync(store);
  execFileSync("mkfs.btrfs", ["--quiet", image], { stdio: "ignore" });
  execFileSync("mount", ["-o", "loop,nosuid,nodev", image, store]);
  if (quotas === "none") return;
  const launcher = createLauncher(launcherBinary);
  await launcher.enableQuota(store, "full");
  await launcher.close();
}

export function testOptions(dataDir: string, installationId: string): OciOptions {
  return {
    dataDir,
    installationId,
    runtime: chooseRuntime("auto"),
    runDir: "/run/capsuled",
    agentBinary: join(repository, "target/release/capsuled-agent"),
    launcherBinary: join(repository, "target/release/capsuled-launcher"),
    binariesMend: "Build them.",
    recipesDir: join(repository, "templates"),
    capsulesMax: 50,
    memoryFloorMb: 64,
    diskFloorMb: 16,
    storeMb: 1024,
    templateMirror: "",
    buildEnv: {},
    network: null,
    log: { debug() {}, info() {}, warn() {}, error() {} },
  };
}

export function newCapsuleId(): string {
  return `cl-${BigInt(`0x${randomBytes(16).toString("hex")}`)
    .toString(36)
    .padStart(25, "0")
    .slice(0, 25)}`;
}

export function specOf(spec: Partial<LaunchSpec> = {}): LaunchSpec {
  const capsuleId = spec.capsuleId ?? newCapsuleId();
  const secret = randomBytes(32).toString("hex");
  return {
    capsuleId,
    template: "tiny",
    vcpus: 1,
    memoryMb: 128,
    diskMb: 64,
    pidsMax: 64,
    hostname: "box",
    agentSecret: secret,
    egress: "none",
    disk: "new",
    snapshotId: null,
    sourceId: null,
    previous: "agent_lost",
    ...spec,
  };
}

async function openWorld(options: OciOptions): Promise<OciWorld> {
  const host = await openHost(options);
  const driver = createDriver(options, () => Promise.resolve(host));
  const links = new Set<AgentLink>();
  return {
    driver,
    host,
    options,
    paths: (id) => capsulePaths(host.layout, id),
    async launch(overrides) {
      const spec = specOf(overrides);
      const handle = await driver.launch(spec, new AbortController().signal);
      const capsule = connect(driver, handle, spec);
      links.add(capsule.link);
      return capsule;
    },
    again: (overrides) => openWorld({ ...options, ...overrides }),
    async close() {
      for (const link of links) link.close();
      for (const { capsuleId } of await driver.list()) await driver.destroy(capsuleId);
      await driver.close();
      await closeStore(host.layout);
      rmSync(options.dataDir, { recursive: true, force: true });
      rmSync(join(options.runDir, options.installationId), { recursive: true, force: true });
      for (const mount of [host.hierarchies.unified, ...host.hierarchies.v1]) {
        const parent = mount + host.layout.cgroupParent;
        if (existsSync(parent)) rmdirSync(parent);
      }
    },
  };
}

export function connect(driver: Driver, handle: Handle, spec: LaunchSpec): RunningCapsule {
  const link = createAgentLink(spec.capsuleId, spec.agentSecret, () => driver.openAgent(handle));
  const run = async (line: string): Promise<{ code: number; stdout: string; stderr: string }> => {
    const start = {
      id: newCapsuleId().replace("cl-", "pr-"),
      cmd: "sh",
      args: ["-c", line],
      env: { PATH: "/bin", HOME: "/root" },
      cwd: "/",
    };
    const rest = { tag: "", stdin: false, timeoutMs: 30_000, foreground: true, busy: false, onDisconnect: "kill" } as const;
    const outcome = await link.run({ ...start, ...rest }, null, 1 << 20, new AbortController().signal);
    return { code: outcome.end.exitCode, stdout: Buffer.from(outcome.stdout).toString(), stderr: Buffer.from(outcome.stderr).toString() };
  };
  return {
    id: spec.capsuleId,
    handle,
    link,
    try: run,
    async sh(line) {
      const { code, stdout, stderr } = await run(line);
      if (code !== 0) throw new Error(`"${line}" ended with ${code}: ${stdout}${stderr}`);
      return stdout;
    },
  };
}

/** Everything on the host that names this installation or its data directory, but for the slots that agents make and drop as they like. */
export function tracesOf(world: OciWorld): readonly string[] {
  const { options, host } = world;
  const { installationId, dataDir, runDir } = options;
  const mounts = readFileSync("/proc/self/mountinfo", "utf8").split("\n");
  const groups = [host.hierarchies.unified, ...host.hierarchies.v1].map((mount) => mount + host.layout.cgroupParent);
  const uids = host.layout.uidsDir;
  return [
    ...mounts
      .filter((line) => line.includes(dataDir) || line.includes(runDir))
      .map((line) => `mount ${line.split(" ").slice(4).join(" ")}`),
    ...[...groups, join(runDir, installationId), join(dataDir, "capsules"), join(dataDir, "store/capsules"), join(dataDir, "bin")].flatMap(
      filesBelow,
    ),
    ...readdirSync(uids)
      .filter((name) => textOf(join(uids, name)).includes(installationId))
      .map((name) => `uids ${name}`),
  ].sort();
}

/** Empty when it has just gone: other installations come and go on the same host. */
function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (isMissing(error)) return "";
    throw error;
  }
}

function filesBelow(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isDirectory() || !entry.parentPath.startsWith("/sys"))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/\/slot-\d+$/.test(path));
}

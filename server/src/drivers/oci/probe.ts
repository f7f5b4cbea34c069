import { existsSync, readFileSync } from "node:fs";
import { arch, platform, release } from "node:os";
import type { Probe, ProbeCheck } from "../../core/ports/driver.ts";
import { findHierarchies, missingControllers } from "./hierarchies.ts";
import { parseMountinfo } from "./mountinfo.ts";
import type { OciOptions } from "./options.ts";
import { foreignDrop } from "./network/host-side.ts";
import { runBy } from "./network/inside.ts";
import { cannotConnect, missingPrograms } from "./network/settings.ts";
import { hasProgram } from "./has-program.ts";
import { runProgram } from "./run-program.ts";
import { leavesCgroupsAlone } from "./runtimes.ts";
import { hasBtrfs } from "./store-mount.ts";

/** Idmapped layers under overlayfs, and `memory.peak`. */
const KERNEL_MIN = [5, 19] as const;

/** Milliseconds for a program to say its version: an emulated or a busy machine takes 10 s to start an interpreter. */
const PROGRAM_MS = 60_000;

/** Capabilities that a launch or a template build uses, by number. */
const NEEDED = {
  CHOWN: 0,
  DAC_OVERRIDE: 1,
  FOWNER: 3,
  KILL: 5,
  SETGID: 6,
  SETUID: 7,
  SYS_CHROOT: 18,
  SYS_ADMIN: 21,
  MKNOD: 27,
  SETFCAP: 31,
} as const;

/** What this host has of what capsules need. Changes nothing on it, and never throws for what is missing. */
export async function probeHost(options: OciOptions): Promise<Probe> {
  if (platform() !== "linux") {
    const check = verdict("Linux", false, platform(), "Run the server on Linux, or in a virtual machine with it.");
    return { ok: false, checks: [check] };
  }
  const checks = [
    root(),
    kernel(release()),
    architecture(),
    await runtime(options.runtime),
    await program(
      "template builder",
      "mmdebstrap",
      ["--version"],
      "Install mmdebstrap (Debian, Ubuntu: apt-get install mmdebstrap debian-archive-keyring).",
    ),
    mountPrograms(),
    built("agent", options.agentBinary, options.binariesMend),
    built("launcher", options.launcherBinary, options.binariesMend),
    fileSystem("overlay", "overlayfs"),
    fileSystem("cgroup2", "cgroup2"),
    controllers(),
    userNamespaces(),
    await disks(options),
    await network(options),
  ];
  return { ok: checks.every((check) => check.ok || !check.isRequired), checks };
}

function verdict(name: string, ok: boolean, found: string, mend: string): ProbeCheck {
  return { name, ok, isRequired: true, found, mend: ok ? "" : mend };
}

/** What capsules lack without it is said when one asks for it. */
function useful(name: string, ok: boolean, found: string, mend: string): ProbeCheck {
  return { ...verdict(name, ok, found, mend), isRequired: false };
}

function root(): ProbeCheck {
  const status = readFileSync("/proc/self/status", "utf8");
  const uid = /^Uid:\s+\d+\s+(\d+)/m.exec(status)?.[1];
  const effective = BigInt(`0x${/^CapEff:\s+([0-9a-f]+)/m.exec(status)?.[1] ?? "0"}`);
  const missing = Object.entries(NEEDED)
    .filter(([, bit]) => (effective & (1n << BigInt(bit))) === 0n)
    .map(([name]) => `CAP_${name}`);
  const found = uid !== "0" ? `user id ${uid}` : missing.length > 0 ? `root without ${missing.join(", ")}` : "root";
  return verdict(
    "root",
    uid === "0" && missing.length === 0,
    found,
    "Start the server as root (with sudo), outside of a container that takes capabilities away.",
  );
}

export function kernel(version: string): ProbeCheck {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  const ok = major > KERNEL_MIN[0] || (major === KERNEL_MIN[0] && minor >= KERNEL_MIN[1]);
  return verdict("kernel", ok, version, `Update the kernel to ${KERNEL_MIN.join(".")} or later.`);
}

function architecture(): ProbeCheck {
  return verdict("architecture", arch() === "x64" || arch() === "arm64", arch(), "Use an x86-64 or a 64-bit Arm machine.");
}

async function program(name: string, file: string, args: readonly string[], mend: string): Promise<ProbeCheck> {
  try {
    const outcome = await runProgram(file, args, { timeoutMs: PROGRAM_MS });
    return verdict(name, outcome.code === 0, outcome.stdout.split("\n")[0] || file, mend);
  } catch {
    return verdict(name, false, `no ${file}`, mend);
  }
}

/** crun refuses hosts with cgroup v1 unless it is told to leave cgroups alone, and says so only when a capsule is launched. */
async function runtime(file: string): Promise<ProbeCheck> {
  const mend = `Install ${file} (Debian, Ubuntu: apt-get install runc), or set another runtime.`;
  const check = await program("OCI runtime", file, ["--version"], mend);
  const found = findHierarchies(parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")));
  if (!check.ok || found.v1Of.size === 0 || !check.found.startsWith("crun") || leavesCgroupsAlone(found, file)) return check;
  return verdict(check.name, false, `${check.found} on a host with cgroup v1`, "Use runc, which works there, or boot with cgroup v2 only.");
}

function mountPrograms(): ProbeCheck {
  const missing = ["mount", "umount", "losetup", "unshare"].filter((name) => !hasProgram(name));
  return verdict(
    "mount programs",
    missing.length === 0,
    missing.length === 0 ? "util-linux" : `no ${missing.join(", no ")}`,
    "Install util-linux (Debian, Ubuntu: apt-get install util-linux mount).",
  );
}

function built(name: string, path: string, mend: string): ProbeCheck {
  return verdict(name, existsSync(path), existsSync(path) ? "there" : `no ${path}`, mend);
}

function fileSystem(name: string, title: string): ProbeCheck {
  const known =
    new RegExp(`\\b${name}$`, "m").test(readFileSync("/proc/filesystems", "utf8")) ||
    existsSync(`/lib/modules/${release()}/kernel/fs/${title}`);
  return verdict(title, known, known ? "supported" : "not in this kernel", `Use a kernel with ${title}.`);
}

function controllers(): ProbeCheck {
  const found = findHierarchies(parseMountinfo(readFileSync("/proc/self/mountinfo", "utf8")));
  const own = found.unified === null ? "" : readFileSync(`${found.unified}/cgroup.controllers`, "utf8");
  const v2 = own.trim().split(/\s+/).filter(Boolean);
  const missing = missingControllers({ controllers: v2, v1Of: found.v1Of });
  const where = found.v1Of.size === 0 ? "cgroup v2" : found.unified === null ? "cgroup v1" : "cgroup v1 beside v2";
  const mend = `Enable the cgroup controllers ${missing.join(", ")} (kernel command line: cgroup_enable=…; in a container: run it with the host's cgroups).`;
  return verdict(
    "cgroup controllers",
    missing.length === 0,
    missing.length === 0 ? where : `${where}, without ${missing.join(", ")}`,
    mend,
  );
}

function userNamespaces(): ProbeCheck {
  const file = "/proc/sys/user/max_user_namespaces";
  const most = existsSync(file) ? Number(readFileSync(file, "utf8")) : 0;
  return verdict("user namespaces", most > 0, `at most ${most}`, "Enable user namespaces: sysctl user.max_user_namespaces=65536.");
}

/** Never an obstacle: without btrfs disks work, but have no limit, and the driver's capabilities say so. */
async function disks(options: OciOptions): Promise<ProbeCheck> {
  const limited = existsSync(`${options.dataDir}/store.img`) || ((await hasBtrfs()) && existsSync("/dev/loop-control"));
  return useful(
    "disk limits",
    limited,
    limited ? "btrfs" : "none: capsules' disks are not limited",
    "Install btrfs-progs (Debian, Ubuntu: apt-get install btrfs-progs), on a kernel with btrfs and loop devices.",
  );
}

/** Never an obstacle: without it capsules have loopback only, and a create that asks for more is refused. */
async function network(options: OciOptions): Promise<ProbeCheck> {
  if (options.network === null) return useful("network", true, "switched off: capsules have loopback only", "");
  const why = cannotConnect();
  if (why === null) {
    const found = (await foreignDrop(runBy(runProgram)))
      ? "nftables; another program's firewall drops what is forwarded, and capsules' packets are let through it"
      : "nftables";
    return useful("network", true, found, "");
  }
  const packages = [...new Set(missingPrograms().map((missing) => missing.package))];
  const mend =
    packages.length === 0
      ? "Let the server use nftables: a kernel with nf_tables, /proc/sys writable."
      : `Install ${packages.join(" ")} (Debian, Ubuntu: apt-get install ${packages.join(" ")}).`;
  return useful("network", false, `none, capsules have loopback only: ${why.replaceAll(/\s*\n\s*/g, "; ")}`, mend);
}

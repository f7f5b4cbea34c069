import type { LaunchSpec } from "../../core/ports/driver.ts";
import { OCI_LIMITS } from "./options.ts";
import { seccompProfile } from "./seccomp/profile.ts";
import { RANGE_SIZE } from "./uid-ranges.ts";

/** What a capsule's root may do inside; enough for package installation. */
export const CAPABILITIES = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_SETGID",
  "CAP_SETUID",
  "CAP_SETFCAP",
  "CAP_NET_BIND_SERVICE",
  "CAP_SYS_CHROOT",
] as const;

/** Covered with nothing: what tells about the host or about other capsules. */
export const MASKED_PATHS = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/key-users",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/cmdline",
  "/proc/diskstats",
  "/proc/fs",
  "/proc/partitions",
  "/sys/firmware",
  "/sys/fs",
  "/sys/block",
  "/sys/class/block",
  "/sys/dev",
  "/sys/devices/virtual/block",
  "/sys/devices/virtual/dmi",
  "/sys/devices/virtual/powercap",
  "/sys/kernel",
  "/sys/module",
  "/sys/hypervisor",
] as const;

export const READONLY_PATHS = ["/proc/bus", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"] as const;

interface HostFacts {
  readonly arch: "x64" | "arm64";
  /** Hard limit of open files of this process. */
  readonly nofileHard: number;
  /** For the runtime alone. */
  readonly annotations: Readonly<Record<string, string>>;
}

/**
 * The OCI configuration of a capsule, without `root` and the user and cgroup namespaces, which the launcher adds.
 * @param stage where the launcher leaves `sys` and `resolv.conf`, for a capsule whose network namespace the host has made
 * @param cgroup absolute path of the capsule's cgroup; the agent's own is below it
 */
export function ociConfig(
  spec: Pick<LaunchSpec, "hostname" | "memoryMb">,
  stage: string | null,
  uidBase: number,
  cgroup: string,
  host: HostFacts,
): Readonly<Record<string, unknown>> {
  const capabilities = [...CAPABILITIES];
  const nofile = Math.min(host.nofileHard, OCI_LIMITS.nofileMax);
  const mapping = [{ containerID: 0, hostID: uidBase, size: RANGE_SIZE }];
  return {
    ociVersion: "1.0.2",
    hostname: spec.hostname,
    annotations: host.annotations,
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ["/proc/self/fd/5"],
      env: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
      cwd: "/",
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities, inheritable: [], ambient: [] },
      rlimits: [
        { type: "RLIMIT_NOFILE", hard: nofile, soft: Math.min(nofile, OCI_LIMITS.nofileSoft) },
        { type: "RLIMIT_CORE", hard: 0, soft: 0 },
      ],
      noNewPrivileges: true,
      // Where the host itself is short of memory the kernel takes the largest of a capsule's processes before a service of the host's.
      // The agent, which nobody may change and which is the smallest, goes last of them.
      oomScoreAdj: 500,
    },
    mounts: mounts(spec.memoryMb, stage),
    linux: {
      cgroupsPath: `${cgroup}/agent`,
      resources: {
        devices: [{ allow: false, access: "rwm" }],
        memory: { limit: OCI_LIMITS.agentMemoryMb * 1024 * 1024 },
        pids: { limit: OCI_LIMITS.agentPids },
      },
      namespaces: ["pid", "mount", ...(stage === null ? ["network"] : []), "ipc", "uts"].map((type) => ({ type })),
      uidMappings: mapping,
      gidMappings: mapping,
      maskedPaths: [...MASKED_PATHS],
      readonlyPaths: [...READONLY_PATHS],
      seccomp: seccompProfile(host.arch),
    },
  };
}

/** Memory-backed ones count against the capsule's memory and are not freed by its OOM killer, so they stay small; `/tmp` is on its disk. */
function mounts(memoryMb: number, stage: string | null): readonly Readonly<Record<string, unknown>>[] {
  const shmMb = Math.max(1, Math.floor(memoryMb * OCI_LIMITS.shmShare));
  const mount = (destination: string, type: string, options: readonly string[]) => ({
    destination,
    type,
    source: type,
    options: ["nosuid", ...options],
  });
  // A capsule has no power over a network namespace of the host's, so it can mount no sysfs that shows it.
  const bind = (destination: string, source: string) => ({
    destination,
    type: "bind",
    source,
    options: ["bind", "ro", "nosuid", "nodev", "noexec"],
  });
  return [
    mount("/proc", "proc", ["noexec", "nodev"]),
    mount("/dev", "tmpfs", ["strictatime", "mode=755", `size=${OCI_LIMITS.devKb}k`]),
    mount("/dev/pts", "devpts", ["noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
    mount("/dev/shm", "tmpfs", ["noexec", "nodev", "mode=1777", `size=${shmMb}m`]),
    mount("/dev/mqueue", "mqueue", ["noexec", "nodev"]),
    ...(stage === null
      ? [mount("/sys", "sysfs", ["noexec", "nodev", "ro"])]
      : [bind("/sys", `${stage}/sys`), bind("/etc/resolv.conf", `${stage}/resolv.conf`)]),
  ];
}

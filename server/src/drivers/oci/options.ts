import type { Log } from "../../core/ports/log.ts";
import type { NetworkSettings } from "./network/settings.ts";

/** What the composition root tells the `oci` driver. */
export interface OciOptions {
  /** Absolute; templates, disks and the agents' control directories live below it. */
  readonly dataDir: string;
  /** Tells this installation's things on the host from another's: `[a-z0-9-]`, at most 40 characters. */
  readonly installationId: string;
  /** Name or path of an OCI runtime: runc, crun. `chooseRuntime` makes one of a setting. */
  readonly runtime: string;
  /** Sockets, the runtime's state and the host-wide reservations: `/run/capsuled`. */
  readonly runDir: string;
  /** Built files; the agent's is copied into the data directory, under its hash. */
  readonly agentBinary: string;
  readonly launcherBinary: string;
  /** What to do where one of them is missing. */
  readonly binariesMend: string;
  /** Folder of template recipes. */
  readonly recipesDir: string;
  /** Most capsules running or paused at once. */
  readonly capsulesMax: number;
  /** MiB of available memory below which nothing is launched. */
  readonly memoryFloorMb: number;
  /** MiB of free disk below which nothing is launched. */
  readonly diskFloorMb: number;
  /** MiB of the disk image, where the data directory's file system has no quotas of its own; 0: 80 % of what is free. */
  readonly storeMb: number;
  /** Debian mirror for template builds; empty: the host's own sources, else deb.debian.org. */
  readonly templateMirror: string;
  /** Variables for the template builder: proxies. */
  readonly buildEnv: Readonly<Record<string, string>>;
  /** `null`: capsules have loopback only. */
  readonly network: NetworkSettings | null;
  readonly log: Log;
}

/** Bounds that are not settings. `docs/limits.md` lists each with its test. */
export const OCI_LIMITS = {
  /** The agent's own cgroup: MiB, and threads (the runtime's start-up included). */
  agentMemoryMb: 64,
  agentPids: 64,
  /** Room in `work` beyond the capsule's own bound, for the agent's spawner and the children it keeps ready. */
  spawnerPids: 24,
  /** Microseconds; a capsule that used up its share waits at most this long. */
  cpuPeriodUs: 20_000,
  /** KiB of `/dev`: device nodes are bind mounts, so only directories and links live there. */
  devKb: 64,
  /** Part of a capsule's memory that `/dev/shm` may take. */
  shmShare: 0.25,
  /** Open files of a process, where the host's own hard limit is not lower. */
  nofileMax: 1_048_576,
  /** What a process may open before it raises its own limit: programs that close every possible descriptor stay quick. */
  nofileSoft: 65_536,
  /** Milliseconds. */
  connectMs: 2_000,
  freezeMs: 2_000,
  killMs: 10_000,
  launchMs: 60_000,
  runtimeDeleteMs: 5_000,
  templateBuildMs: 3_600_000,
  /** A copy of a disk where the store cannot share blocks; measuring one. */
  snapshotMs: 300_000,
  /** Processes and threads of the whole host that must stay free. */
  hostPidsFloor: 1_024,
  /** Calls that wait for one capsule's launch, stop or destroy. */
  turnWaiters: 64,
  /** Steps of the launcher under way at once, and those that wait for one of these to end. */
  stepsAtOnce: 64,
  stepsWaiting: 4_096,
  /** Milliseconds that the launcher may take to end a step that was given up; then it is ended itself, and another one started. */
  stepEndMs: 10_000,
} as const;

import type { WorkLimit } from "./work-limits.ts";
import type { Answer, StepOptions } from "./kept-process.ts";
import { KeptProcess } from "./kept-process.ts";
import { LauncherError } from "./launcher-error.ts";
import type { NamespaceSpec } from "./launcher-namespace.ts";
import { namespaceByLauncher } from "./launcher-namespace.ts";
import { runByLauncher } from "./launcher-run.ts";
import { OCI_LIMITS } from "./options.ts";
import type { Outcome, RunOptions } from "./run-program.ts";

/** What a launch is told; the launcher has no policy of its own. */
export interface LauncherSpec {
  readonly capsule: string;
  readonly uidBase: number;
  readonly stage: string;
  /** Topmost first. */
  readonly layers: readonly string[];
  readonly disk: {
    readonly path: string;
    readonly btrfs: boolean;
    readonly limitBytes: number;
    readonly keep: boolean;
    /** The subvolume that a new disk begins as a copy of. */
    readonly copyOf: string | null;
    /** Whose processes stand still while it is copied, and how long one of them may take to. */
    readonly freeze: { readonly group: string; readonly patienceMs: number } | null;
  };
  readonly controlDir: string;
  readonly socket: string;
  readonly agentBinary: string;
  readonly secret: string;
  readonly previous: string;
  readonly cgroup: {
    readonly path: string;
    readonly unified: string;
    readonly controllers: readonly string[];
    readonly v1: readonly string[];
    readonly workV1: readonly string[];
    readonly limits: readonly WorkLimit[];
    readonly oomCounter: string;
    /** For a runtime that leaves cgroups alone; `null`: the runtime makes the agent's group. */
    readonly agent: readonly WorkLimit[] | null;
  };
  /** `null`: loopback only. */
  readonly network: { readonly namespace: string; readonly resolvConf: string } | null;
  readonly runtime: string;
  readonly runtimeOptions: readonly string[];
  readonly runtimeRoot: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** The capsule's first process as the host sees it, and where the time went (microseconds). */
export interface Launched {
  readonly pid: number;
  readonly startTime: number;
  readonly phases: Readonly<Record<string, unknown>>;
}

/** What the server needs done on the host that Node cannot do. Every call throws with the launcher's words when it fails. */
export interface Launcher {
  /** Aborting kills the step, and with it the runtime. */
  launch(spec: LauncherSpec, signal: AbortSignal): Promise<Launched>;
  deleteSubvolume(path: string): Promise<void>;
  /** A writable copy of a subvolume that shares its blocks. */
  snapshotSubvolume(source: string, path: string): Promise<void>;
  /** The subvolume that `path` is in: its number, and its file system's id. */
  subvolumeOf(path: string): Promise<{ readonly id: number; readonly fileSystem: string }>;
  /** Turns btrfs quotas on; `simple` where the kernel has them. Resolves with which it is. */
  enableQuota(path: string, kind: "simple" | "full"): Promise<string>;
  /** Whether nftables' table of the family `inet` has the chain, in this process's network namespace. */
  hasChain(table: string, chain: string): Promise<boolean>;
  /** As `runProgram`, and this process makes no copy of itself. `namespace` of the network, as a path; left out, this process's own. */
  run(program: string, args: readonly string[], options: RunOptions, namespace?: string | null): Promise<Outcome>;
  /** A new network namespace as a descriptor that the caller closes. */
  makeNamespace(spec: NamespaceSpec, timeoutMs: number): Promise<number>;
  close(): Promise<void>;
}

/** The launcher as one process that is kept; it is started here, and again when it has died. */
export function createLauncher(binary: string): Launcher {
  const kept = new KeptProcess(binary, ["serve"]);
  kept.start();
  const ask = async (words: readonly string[], options: Partial<StepOptions> = {}): Promise<Answer> => {
    const answer = await kept.step(words, { timeoutMs: OCI_LIMITS.launchMs, ...options });
    if (answer["ok"] !== true) throw refused(answer);
    return answer;
  };
  return {
    launch: async (spec, signal) => readLaunched(await ask(["launch"], { spec, signal })),
    async deleteSubvolume(path) {
      await ask(["subvolume-delete", path]);
    },
    async snapshotSubvolume(source, path) {
      await ask(["subvolume-snapshot", source, path]);
    },
    async subvolumeOf(path) {
      const { subvolume: number, fileSystem } = await ask(["subvolume-of", path]);
      if (typeof number !== "number" || typeof fileSystem !== "string") throw new Error("The launcher's answer names no subvolume.");
      return { id: number, fileSystem };
    },
    async enableQuota(path, kind) {
      return String((await ask(["quota-enable", path, kind]))["kind"]);
    },
    async hasChain(table, chain) {
      const { found } = await ask(["chain", table, chain]);
      if (typeof found !== "boolean") throw new Error("The launcher's answer does not say whether there is such a chain.");
      return found;
    },
    run: (program, args, options, namespace = null) => runByLauncher(kept, [program, ...args], options, namespace),
    makeNamespace: (spec, timeoutMs) => namespaceByLauncher(kept, spec, timeoutMs, refused),
    close: () => kept.close(),
  };
}

function refused(answer: Answer): LauncherError {
  return new LauncherError(String(answer["step"]), String(answer["message"]));
}

function readLaunched({ pid, startTime, phases }: Answer): Launched {
  if (typeof pid !== "number" || typeof startTime !== "number") throw new Error("The launcher's answer names no process.");
  return { pid, startTime, phases: isRecord(phases) ? phases : {} };
}

function isRecord(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

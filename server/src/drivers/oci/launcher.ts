import type { WorkLimit } from "./work-limits.ts";
import { OCI_LIMITS } from "./options.ts";
import type { RunOptions } from "./run-program.ts";
import { runProgram } from "./run-program.ts";

/** What the launcher reads on stdin; it has no policy of its own. */
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

/**
 * Runs one launch. Aborting kills the launcher, and with it the runtime. A success is taken at its answer: the launcher's
 * mount namespace takes a few more milliseconds to end, and nobody needs to wait for that.
 */
export async function launchWith(launcher: string, spec: LauncherSpec, signal: AbortSignal): Promise<Launched> {
  const early = Promise.withResolvers<Launched>();
  let text = "";
  const onOutput = (piece: string): void => {
    text += piece;
    if (text.startsWith('{"ok":true,') && text.endsWith("\n")) early.resolve(readLaunched(readAnswer(text)));
  };
  const whole = ask(launcher, ["launch"], { input: JSON.stringify(spec), signal, timeoutMs: OCI_LIMITS.launchMs, onOutput });
  return Promise.race([early.promise, whole.then(readLaunched)]);
}

function readLaunched({ pid, startTime, phases }: Answer): Launched {
  if (typeof pid !== "number" || typeof startTime !== "number") throw new Error("The launcher's answer names no process.");
  return { pid, startTime, phases: isRecord(phases) ? phases : {} };
}

export async function deleteSubvolume(launcher: string, path: string): Promise<void> {
  await ask(launcher, ["subvolume-delete", path], { timeoutMs: OCI_LIMITS.launchMs });
}

/** A writable copy of a subvolume that shares its blocks. */
export async function snapshotSubvolume(launcher: string, source: string, path: string): Promise<void> {
  await ask(launcher, ["subvolume-snapshot", source, path], { timeoutMs: OCI_LIMITS.launchMs });
}

/** The subvolume that `path` is in: its number, and its file system's id. */
export async function subvolumeOf(launcher: string, path: string): Promise<{ readonly id: number; readonly fileSystem: string }> {
  const { id, fileSystem } = await ask(launcher, ["subvolume-of", path], { timeoutMs: OCI_LIMITS.launchMs });
  if (typeof id !== "number" || typeof fileSystem !== "string") throw new Error("The launcher's answer names no subvolume.");
  return { id, fileSystem };
}

/** Turns btrfs quotas on; `simple` where the kernel has them. */
export async function enableQuota(launcher: string, path: string, kind: "simple" | "full"): Promise<string> {
  const { kind: got } = await ask(launcher, ["quota-enable", path, kind], { timeoutMs: OCI_LIMITS.launchMs });
  return String(got);
}

type Answer = Readonly<Record<string, unknown>>;

async function ask(launcher: string, args: readonly string[], options: RunOptions): Promise<Answer> {
  const outcome = await runProgram(launcher, args, { ...options, outputBytes: OCI_LIMITS.launcherAnswerBytes });
  if (outcome.stdout === "") throw new Error(`The launcher ended with code ${outcome.code} and no answer. ${outcome.stderr}`.trim());
  const answer = readAnswer(outcome.stdout);
  if (answer["ok"] !== true) throw new Error(`${String(answer["step"])}: ${String(answer["message"])}`);
  return answer;
}

function readAnswer(text: string): Answer {
  const answer: unknown = JSON.parse(text);
  if (!isRecord(answer)) throw new Error("The launcher's answer is not an object.");
  return answer;
}

function isRecord(value: unknown): value is Answer {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import type { WorkLimit } from "./work-limits.ts";
import { OCI_LIMITS } from "./options.ts";
import { runProgram } from "./run-program.ts";

/** What the launcher reads on stdin; it has no policy of its own. */
export interface LauncherSpec {
  readonly capsule: string;
  readonly uidBase: number;
  readonly stage: string;
  /** Topmost first. */
  readonly layers: readonly string[];
  readonly disk: { readonly path: string; readonly btrfs: boolean; readonly limitBytes: number; readonly keep: boolean };
  readonly controlDir: string;
  readonly socket: string;
  readonly agentBinary: string;
  readonly secret: string;
  readonly cgroup: {
    readonly path: string;
    readonly unified: string;
    readonly controllers: readonly string[];
    readonly v1: readonly string[];
    readonly workV1: readonly string[];
    readonly limits: readonly WorkLimit[];
    readonly oomCounter: string;
  };
  readonly runtime: string;
  readonly runtimeRoot: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/** The capsule's first process as the host sees it, and where the time went (microseconds). */
export interface Launched {
  readonly pid: number;
  readonly startTime: number;
  readonly phases: Readonly<Record<string, unknown>>;
}

/** Runs one launch. Aborting kills the launcher, and with it the runtime. */
export async function launchWith(launcher: string, spec: LauncherSpec, signal: AbortSignal): Promise<Launched> {
  const answer = await ask(launcher, ["launch"], { input: JSON.stringify(spec), signal, timeoutMs: OCI_LIMITS.launchMs });
  const { pid, startTime, phases } = answer;
  if (typeof pid !== "number" || typeof startTime !== "number") throw new Error("The launcher's answer names no process.");
  return { pid, startTime, phases: isRecord(phases) ? phases : {} };
}

export async function deleteSubvolume(launcher: string, path: string): Promise<void> {
  await ask(launcher, ["subvolume-delete", path], { timeoutMs: OCI_LIMITS.launchMs });
}

/** Turns btrfs quotas on; `simple` where the kernel has them. */
export async function enableQuota(launcher: string, path: string, kind: "simple" | "full"): Promise<string> {
  const { kind: got } = await ask(launcher, ["quota-enable", path, kind], { timeoutMs: OCI_LIMITS.launchMs });
  return String(got);
}

async function ask(
  launcher: string,
  args: readonly string[],
  options: { readonly input?: string; readonly signal?: AbortSignal; readonly timeoutMs: number },
): Promise<Readonly<Record<string, unknown>>> {
  const outcome = await runProgram(launcher, args, { ...options, outputBytes: OCI_LIMITS.launcherAnswerBytes });
  let answer: unknown;
  try {
    answer = JSON.parse(outcome.stdout);
  } catch {
    throw new Error(`The launcher ended with code ${outcome.code} and no answer. ${outcome.stderr}`.trim());
  }
  if (!isRecord(answer)) throw new Error("The launcher's answer is not an object.");
  if (answer["ok"] !== true) throw new Error(`${String(answer["step"])}: ${String(answer["message"])}`);
  return answer;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

import { LIMITS } from "@capsuled/contract";
import type { ProcessReason } from "@capsuled/contract";
import type { LiveCapsule } from "../capsule/live.ts";
import { fail } from "../fail.ts";
import { fileRefusal } from "../file/refusal.ts";
import { AgentLostError, AgentRefusal } from "../ports/agent-link.ts";
import { notStartable } from "../process/refusal.ts";
import { asSettingsSay, environment, placed } from "../process/run-as.ts";
import { StartRefused } from "../process/service.ts";
import { startSpec } from "../process/spec.ts";
import { followStep } from "./follow-step.ts";
import { decodeContent } from "./file-content.ts";
import { BuildError, toBuildError } from "./build-error.ts";
import type { BuildContext } from "./context.ts";
import type { PlannedStep, RecipeFile } from "./plan.ts";

/** Finds the package manager that is there; each leaves no lists of packages behind. */
const INSTALL = `
if command -v apt-get > /dev/null; then
  export DEBIAN_FRONTEND=noninteractive
  apt-get update && apt-get install --yes --no-install-recommends -- "$@" || exit
  apt-get clean && rm -rf /var/lib/apt/lists/*
elif command -v apk > /dev/null; then
  apk add --no-cache -- "$@"
else
  echo "there is neither apt-get nor apk to install packages with" >&2
  exit 127
fi`;

/** Ends of a process that are its capsule's. */
const CAPSULE_ENDS: readonly ProcessReason[] = ["capsule_stopped", "capsule_destroyed", "agent_lost", "host_restarted"];

/** What programs say when a disk is full. Whoever prints it speaks of nothing but its own build. */
const DISK_FULL = /No space left on device|Disk quota exceeded|ENOSPC|EDQUOT/;

/** Does one step in the build's capsule. Throws `BuildError`, and whatever the capsule's end throws. */
export async function runStep(ctx: BuildContext, live: LiveCapsule, index: number, step: PlannedStep): Promise<void> {
  switch (step.kind) {
    case "packages": {
      const command = { cmd: "/bin/sh", args: ["-c", INSTALL, "sh", ...step.packages] };
      return runCommand(ctx, live, index, step, command, LIMITS.buildStepSecDefault, null);
    }
    case "run": {
      const { run, envs, cwd, user, timeout_sec: timeoutSec } = step.step;
      const command = { cmd: "/bin/sh", args: ["-c", run], envs, cwd: cwd ?? ctx.recipe.cwd };
      return runCommand(ctx, live, index, step, command, timeoutSec, user ?? null);
    }
    case "files":
      for (const file of step.files) await writeFile(live, index, step, file);
  }
}

interface StepCommand {
  readonly cmd: string;
  readonly args: readonly string[];
  readonly envs?: Readonly<Record<string, string>> | undefined;
  readonly cwd?: string | undefined;
}

async function runCommand(
  ctx: BuildContext,
  live: LiveCapsule,
  index: number,
  step: PlannedStep,
  command: StepCommand,
  timeoutSec: number,
  user: string | null,
): Promise<void> {
  const { deps, principal, log } = ctx;
  const as = await asSettingsSay(deps, live.link, { user, cwd: "/" }, principal.keyId).catch((error: unknown) => {
    throw error instanceof StartRefused ? failed("step_failed", error.message, index, step, null, "") : error;
  });
  const mode = { tag: "", stdin: false, foreground: true, busy: true, onDisconnect: "continue", by: principal.keyId } as const;
  const spec = startSpec(placed(command, as), environment(as, live.envs), { ...mode, ...as.mode, id: deps.ids.next("pr"), timeoutSec });
  const end = await followStep(ctx, live, index, spec).catch((error: unknown) => {
    const refused = notStartable(command.cmd, error);
    if (refused !== undefined) throw failed("step_failed", refused.message, index, step, refused.exitCode, "");
    // A directory that is not there, and what else the agent does not begin.
    throw error instanceof AgentRefusal ? failed("step_failed", error.message, index, step, null, "", error) : error;
  });
  if (end.reason === "exited" && end.exitCode === 0) return;
  // Whoever ends the capsule ends its processes first.
  if (CAPSULE_ENDS.includes(end.reason)) throw new AgentLostError(`the capsule of the build has ended: ${end.reason}`);
  const last = log.last;
  if (end.reason === "timed_out")
    throw failed("step_timed_out", `Step ${index} was not done after ${timeoutSec} s.`, index, step, null, last);
  if (await isDiskFull(ctx, live, last))
    throw failed(
      "disk_full",
      `Step ${index} filled the disk of ${live.record.diskMb} MiB that the build has (disk_mb).`,
      index,
      step,
      end.exitCode,
      last,
    );
  const how =
    end.reason === "oom_killed"
      ? `ran out of the ${live.record.memoryMb} MiB of memory that the build has`
      : `ended with exit code ${end.exitCode}`;
  throw failed("step_failed", `Step ${index} ${how}: ${step.label}`, index, step, end.exitCode, last);
}

async function writeFile(live: LiveCapsule, index: number, step: PlannedStep, file: RecipeFile): Promise<void> {
  const { path, mode = "644" } = file;
  const bytes = decodeContent(file);
  try {
    const upload = await live.link.files.write({ path }, { mode: Number.parseInt(mode, 8), size: bytes.length });
    try {
      for (let at = 0; at < bytes.length; at += PIECE_BYTES) await upload.send(bytes.subarray(at, at + PIECE_BYTES));
      await upload.finish();
    } finally {
      upload.abort();
    }
    // An existing file keeps its mode.
    await live.link.files.changeMode({ path }, { mode: Number.parseInt(mode, 8) }, false);
  } catch (error) {
    const { reason, message } = toBuildError(fileRefusal(error));
    if (reason === "capsule_lost" && error instanceof AgentLostError) throw error;
    const why = reason === "disk_full" ? reason : "step_failed";
    throw failed(why, `${path} could not be written: ${message}`, index, step, null, "", error);
  }
}

/** Bytes of a file that go at once. */
const PIECE_BYTES = 256 * 1024;

async function isDiskFull({ deps }: BuildContext, { record }: LiveCapsule, last: string): Promise<boolean> {
  if (DISK_FULL.test(last)) return true;
  if (record.handle === null) return false;
  const { diskBytes } = await deps.driver.stats(record.handle);
  return diskBytes !== null && diskBytes >= record.diskMb * 1024 * 1024 * 0.99;
}

function failed(
  reason: ConstructorParameters<typeof BuildError>[0],
  message: string,
  index: number,
  step: PlannedStep,
  exitCode: number | null,
  lastLines: string,
  cause?: unknown,
): BuildError {
  if (reason === "internal_error") throw fail("internal_error");
  return new BuildError(reason, message, { step: index, command: step.label, exitCode, lastLines }, { cause });
}

import type { Principal } from "../access/principal.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { liveOwned, runningCapsule } from "../capsule/running.ts";
import { invalid } from "../fail.ts";
import type { ProcessDeps } from "./deps.ts";
import { notStartable, refusalToError } from "./refusal.ts";
import type { ExecInput, ExecNotStarted, ExecOutcome } from "./service.ts";
import { EXEC_TIMEOUT_SEC, startSpec, timeoutSeconds } from "./spec.ts";
import { decodeStdin } from "./stdin.ts";

/** Runs a command to its end, or starts it in the background. The hot path: no write to the store, and no look at it for a running capsule. */
export async function execCommand(
  deps: ProcessDeps,
  principal: Principal,
  capsuleId: string,
  input: ExecInput,
  signal: AbortSignal,
): Promise<ExecOutcome> {
  const timeoutSec = timeoutSeconds(input);
  const background = input.background === true;
  if (background && input.stdin !== undefined) throw invalid("stdin", "is for foreground commands only");
  const stdin = input.stdin === undefined ? null : decodeStdin(input.stdin, input.stdin_encoding ?? "utf-8");
  const live = liveOwned(deps, principal, capsuleId) ?? (await runningCapsule(deps, principal, capsuleId));
  const id = deps.ids.next("pr");
  live.touch(deps.clock.now());
  try {
    return background
      ? await startInBackground(deps, live, id, input)
      : await runInForeground(deps, live, id, input, timeoutSec ?? EXEC_TIMEOUT_SEC, stdin, signal);
  } catch (error) {
    const notStarted = spawnRefusal(id, input.cmd, error);
    if (notStarted === undefined) throw refusalToError(error);
    deps.metrics.execEnded(background ? "background" : "foreground", "not_started");
    return notStarted;
  }
}

async function runInForeground(
  deps: ProcessDeps,
  live: LiveCapsule,
  id: string,
  input: ExecInput,
  timeoutSec: number,
  stdin: Uint8Array | null,
  signal: AbortSignal,
): Promise<ExecOutcome> {
  const spec = startSpec(input, live.envs, {
    id,
    tag: input.tag ?? "",
    stdin: stdin !== null,
    foreground: true,
    busy: true,
    timeoutSec,
    onDisconnect: "grace",
  });
  live.busy += 1;
  try {
    const { end, stdout, stderr } = await live.link.run(spec, stdin, deps.outputBytesMax, signal);
    deps.metrics.execEnded("foreground", end.reason);
    return { kind: "ended", end, stdout, stderr };
  } finally {
    live.busy -= 1;
    live.touch(deps.clock.now());
  }
}

async function startInBackground(deps: ProcessDeps, live: LiveCapsule, id: string, input: ExecInput): Promise<ExecOutcome> {
  const spec = startSpec(input, live.envs, {
    id,
    tag: input.tag ?? `bg-${deps.ids.hex(4)}`,
    stdin: false,
    foreground: false,
    busy: input.busy === true,
    timeoutSec: 0,
    onDisconnect: "continue",
  });
  const started = await live.link.start(spec);
  deps.metrics.execEnded("background", "started");
  return { kind: "background", started };
}

/** A program that cannot be found or executed is a result, not an error. */
function spawnRefusal(id: string, cmd: string, error: unknown): ExecNotStarted | undefined {
  const refused = notStartable(cmd, error);
  return refused === undefined ? undefined : { kind: "not_started", id, ...refused };
}

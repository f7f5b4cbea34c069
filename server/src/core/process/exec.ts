import type { Principal } from "../access/principal.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { liveOwned, runningCapsule } from "../capsule/running.ts";
import { invalid } from "../fail.ts";
import type { Intent } from "../idempotency/service.ts";
import type { ProcessDeps } from "./deps.ts";
import { execEvidence } from "./exec-evidence.ts";
import type { ExecPlan } from "./exec-once.ts";
import { execOnce } from "./exec-once.ts";
import { notStartable, refusalToError } from "./refusal.ts";
import { environment, placed, runAs } from "./run-as.ts";
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
  intent?: Intent,
): Promise<ExecOutcome> {
  const timeoutSec = timeoutSeconds(input);
  const background = input.background === true;
  if (background && input.stdin !== undefined) throw invalid("stdin", "is for foreground commands only");
  const stdin = input.stdin === undefined ? null : decodeStdin(input.stdin, input.stdin_encoding ?? "utf-8");
  const plan: ExecPlan = { input, background, timeoutSec: background ? 0 : (timeoutSec ?? EXEC_TIMEOUT_SEC), stdin };
  if (intent !== undefined)
    return notedOutcome(deps, plan, intent.ids.next("pr"), (id) => execOnce(deps, principal, capsuleId, plan, intent, id));
  const live = liveOwned(deps, principal, capsuleId) ?? (await runningCapsule(deps, principal, capsuleId));
  live.touch(deps.clock.now());
  return notedOutcome(deps, plan, deps.ids.next("pr"), (id) =>
    background ? startInBackground(deps, live, id, input, principal.keyId) : runInForeground(deps, live, id, plan, principal.keyId, signal),
  );
}

/** The outcome, counted; a program that cannot be found or executed is a result, not an error. */
async function notedOutcome(
  deps: ProcessDeps,
  { input, background }: ExecPlan,
  id: string,
  run: (id: string) => Promise<ExecOutcome>,
): Promise<ExecOutcome> {
  try {
    const outcome = await run(id);
    if (outcome.kind === "ended") deps.metrics.execEnded("foreground", outcome.end.reason);
    else if (outcome.kind === "background") deps.metrics.execEnded("background", "started");
    return outcome;
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
  { input, timeoutSec, stdin }: ExecPlan,
  by: string,
  signal: AbortSignal,
): Promise<ExecOutcome> {
  const asked = runAs(deps, live, by);
  const as = asked instanceof Promise ? await asked : asked;
  const spec = startSpec(placed(input, as), environment(as, live.envs), {
    ...as.mode,
    id,
    tag: input.tag ?? "",
    stdin: stdin !== null,
    foreground: true,
    busy: true,
    timeoutSec,
    onDisconnect: "grace",
    by,
  });
  live.busy += 1;
  try {
    const { end, stdout, stderr } = await live.link.run(spec, stdin, deps.outputBytesMax, signal);
    return { kind: "ended", end, stdout, stderr, evidence: await execEvidence(deps, live, end) };
  } finally {
    live.busy -= 1;
    live.touch(deps.clock.now());
  }
}

async function startInBackground(deps: ProcessDeps, live: LiveCapsule, id: string, input: ExecInput, by: string): Promise<ExecOutcome> {
  const as = await runAs(deps, live, by);
  const spec = startSpec(placed(input, as), environment(as, live.envs), {
    ...as.mode,
    id,
    tag: input.tag ?? `bg-${deps.ids.hex(4)}`,
    stdin: false,
    foreground: false,
    busy: input.busy === true,
    timeoutSec: 0,
    onDisconnect: "continue",
    by,
  });
  return { kind: "background", started: await live.link.start(spec) };
}

function spawnRefusal(id: string, cmd: string, error: unknown): ExecNotStarted | undefined {
  const refused = notStartable(cmd, error);
  return refused === undefined ? undefined : { kind: "not_started", id, ...refused };
}

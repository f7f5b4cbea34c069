import type { Principal } from "../access/principal.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { runningCapsule } from "../capsule/running.ts";
import { fail } from "../fail.ts";
import type { Intent } from "../idempotency/service.ts";
import { attachAgain } from "./again.ts";
import { collectStream } from "./collect.ts";
import type { ProcessDeps } from "./deps.ts";
import { execEvidence } from "./exec-evidence.ts";
import { environment, placed, runAs } from "./run-as.ts";
import type { ExecEnded, ExecInput, ExecOutcome } from "./service.ts";
import { startSpec } from "./spec.ts";

/** Never aborts: a command with a key is not its client's, and goes on without it. */
const NEVER = new AbortController().signal;

/** What exec has made of its input. */
export interface ExecPlan {
  readonly input: ExecInput;
  readonly background: boolean;
  readonly timeoutSec: number;
  readonly stdin: Uint8Array | null;
}

/** Runs a command once, however often it is asked for: a repeat reads the journal of the first run from its beginning. */
export async function execOnce(
  deps: ProcessDeps,
  principal: Principal,
  capsuleId: string,
  plan: ExecPlan,
  intent: Intent,
  id: string,
): Promise<ExecOutcome> {
  const tag = plan.input.tag ?? (plan.background ? `bg-${intent.ids.hex(4)}` : "");
  const again = await attachAgain(deps, principal, capsuleId, id, intent.stage);
  if (again !== undefined) {
    if (!plan.background) return ended(deps, deps.live.get(capsuleId), await collectStream(again, deps.outputBytesMax));
    again.close();
    return { kind: "background", started: again.started };
  }
  const live = await runningCapsule(deps, principal, capsuleId);
  const as = await runAs(deps, live, principal.keyId);
  const spec = startSpec(placed(plan.input, as), environment(as, live.envs), {
    ...as.mode,
    id,
    tag,
    stdin: plan.stdin !== null,
    foreground: false,
    busy: plan.background ? plan.input.busy === true : true,
    timeoutSec: plan.timeoutSec,
    onDisconnect: "continue",
    key: intent.key,
    by: principal.keyId,
  });
  live.touch(deps.clock.now());
  if (plan.background) return { kind: "background", started: await live.link.start(spec) };
  live.busy += 1;
  try {
    return await ended(deps, live, { ...(await live.link.run(spec, plan.stdin, deps.outputBytesMax, NEVER)), hasGap: false });
  } finally {
    live.busy -= 1;
    live.touch(deps.clock.now());
  }
}

async function ended(
  deps: ProcessDeps,
  live: LiveCapsule | undefined,
  { end, stdout, stderr, hasGap }: Omit<ExecEnded, "kind" | "evidence"> & { readonly hasGap: boolean },
): Promise<ExecEnded> {
  if (hasGap) throw fail("result_expired", "The command has ended; the beginning of its output is not kept any more.");
  return { kind: "ended", end, stdout, stderr, evidence: await execEvidence(deps, live, end) };
}

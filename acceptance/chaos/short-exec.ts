import { setTimeout as sleep } from "node:timers/promises";
import { execResult } from "@capsuled/contract";
import type { Answer } from "../harness/call.ts";
import { ask, askOnce, codeOf } from "./ask.ts";
import { Content } from "./content.ts";
import type { ExecPlan } from "./plan.ts";
import type { Fate, World } from "./world.ts";

const SCRIPT = 'echo "$1" >>/dev/shm/starts; printf %s "$2"; printf %s "$3" >&2; exit "$4"';
const AGAIN_MS = 60;

/** Runs a short command. With a name it is asked for until it is answered, however often that takes; without one, once. */
export async function runExec(world: World, capsuleId: string, fate: Fate, plan: ExecPlan): Promise<void> {
  await sleep(plan.waitMs);
  if (fate.doom !== null) return;
  const stdout = textOf(world, plan, "stdout", plan.stdoutBytes);
  const stderr = textOf(world, plan, "stderr", plan.stderrBytes);
  const options = {
    params: { id: capsuleId },
    body: { cmd: "sh", args: ["-c", SCRIPT, plan.key, plan.key, stdout, stderr, String(plan.code)] },
  };
  const answer = plan.named ? await askNamed(world, fate, plan, options) : await askOnce(world, plan.key, "exec", options);
  if (answer === undefined || fate.doom !== null) return;
  if (answer.status !== 200) {
    const isUnknown = !plan.named && (answer.status >= 502 || codeOf(answer) === "invalid_state");
    if (isUnknown) return;
    world.ledger.answers.wrong += 1;
    return world.ledger.find(plan.key, "a command was not run", { status: answer.status, body: answer.body });
  }
  judge(world, capsuleId, plan, answer, { stdout, stderr });
}

function textOf(world: World, plan: ExecPlan, stream: "stdout" | "stderr", bytes: number): string {
  const content = new Content(world.seed, plan.key, stream, "text");
  return content.bytes(0, content.characterAt(bytes)).toString("utf8");
}

async function askNamed(
  world: World,
  fate: Fate,
  plan: ExecPlan,
  options: { readonly params: { readonly id: string }; readonly body: unknown },
): Promise<Answer | undefined> {
  for (let tries = 0; ; tries += 1) {
    const named = { ...options, headers: { "idempotency-key": `${world.runId}/${plan.key}.${tries}` } };
    if (plan.leavesAfterMs !== null) {
      world.ledger.fault("requests left by their client");
      await askOnce(world, plan.key, "exec", {
        ...named,
        signal: AbortSignal.any([AbortSignal.timeout(plan.leavesAfterMs), world.broken]),
      });
    }
    const [answer, second] = await Promise.all([
      ask(world, plan.key, "exec", named),
      plan.twice ? ask(world, plan.key, "exec", named) : undefined,
    ]);
    // In a capsule that ends, the second may find nothing of the first any more.
    if (second !== undefined && fate.doom === null && JSON.stringify(second.body) !== JSON.stringify(answer.body) && answer.status < 400) {
      world.ledger.answers.wrong += 1;
      world.ledger.find(plan.key, "the same request has two answers", { answer: answer.body, second: second.body });
    }
    if (codeOf(answer) !== "invalid_state") return answer;
    if (fate.doom !== null) return undefined;
    await sleep(AGAIN_MS); // paused: refused for good under this name
  }
}

function judge(
  world: World,
  capsuleId: string,
  plan: ExecPlan,
  answer: Answer,
  due: { readonly stdout: string; readonly stderr: string },
): void {
  const { ledger, known } = world;
  const result = execResult.parse(answer.body);
  ledger.exits.expected += 1;
  ledger.starts.expected += 1;
  known.byId.set(result.id, {
    key: plan.key,
    capsuleId,
    end: { reason: "exited", exitCode: plan.code },
    mayBeCut: false,
    hasEvents: plan.named,
  });
  if (result.reason !== "exited" || result.exit_code !== plan.code) {
    ledger.exits.wrong += 1;
    ledger.find(plan.key, "a wrong end of a command", { reason: result.reason, code: result.exit_code, due: plan.code });
  }
  for (const stream of ["stdout", "stderr"] as const) {
    const expected = Buffer.from(due[stream], "utf8");
    const got = Buffer.from(result[stream], "utf8");
    ledger.bytes.expected += expected.length;
    if (got.equals(expected)) continue;
    if (got.length > expected.length) ledger.bytes.doubled += got.length - expected.length;
    else ledger.bytes.lost += Math.max(1, expected.length - got.length);
    ledger.find(plan.key, "wrong bytes of a command", { stream, expected: expected.length, got: got.length });
  }
}

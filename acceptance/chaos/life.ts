import { setTimeout as sleep } from "node:timers/promises";
import { capsule as capsuleSchema, execResult } from "@capsuled/contract";
import type { z } from "zod";
import { agentPid } from "../harness/host.ts";
import { ask, ANSWER_MS_MAX, codeOf, Unanswered } from "./ask.ts";
import { judgeCutJobs, readAgain } from "./cut-jobs.ts";
import type { Job } from "./job.ts";
import { newJob, runJob } from "./job.ts";
import type { LifePlan } from "./plan.ts";
import { runExec } from "./short-exec.ts";
import type { Fate, World } from "./world.ts";

const LOOK_MS = 40;
type Capsule = z.output<typeof capsuleSchema>;

/** One capsule, from its creation through its jobs and its fault to its destruction; everything about it is judged. */
export async function liveCapsule(world: World, plan: LifePlan): Promise<void> {
  world.log.write(plan.name, "life", { plan });
  let id: string | undefined;
  try {
    id = await create(world, plan);
    if (id === undefined) return;
    const fate: Fate = { doom: null, isOver: false };
    const jobs = plan.jobs.map(newJob);
    const capsuleId = id;
    await Promise.all([
      ...jobs.map((job) => runJob(world, capsuleId, fate, job)),
      runExecs(world, capsuleId, fate, plan),
      runFault(world, capsuleId, fate, plan),
    ]);
    if (fate.doom !== null) await judgeCutJobs(world, id, jobs, fate.doom);
    if (fate.doom === "agent" || fate.doom === "stop") await startAgain(world, id, plan, jobs);
    if (fate.doom === null) await countStarts(world, id, plan);
  } catch (error) {
    if (!(error instanceof Unanswered)) {
      world.ledger.answers.wrong += 1;
      world.ledger.find(plan.name, "the plan could not be carried out", { error: error instanceof Error ? error.stack : error });
    }
  } finally {
    if (id !== undefined && !world.broken.aborted) await destroy(world, plan.name, id).catch(() => undefined);
  }
}

async function create(world: World, plan: LifePlan): Promise<string | undefined> {
  const request = {
    headers: { "idempotency-key": `${world.runId}/${plan.name}/create` },
    body: {
      disk_mb: plan.diskMb,
      memory_mb: 256,
      metadata: { chaos: world.runId, life: plan.name },
      ...(plan.hasName ? { name: `${world.runId}-${plan.name}` } : {}),
    },
  };
  const [answer, second] = await Promise.all([
    ask(world, plan.name, "createCapsule", request),
    plan.twice ? ask(world, plan.name, "createCapsule", request) : undefined,
  ]);
  if (answer.status !== 201) {
    world.ledger.capsules.wrong += 1;
    world.ledger.find(plan.name, "a capsule was not created", { status: answer.status, body: answer.body });
    return undefined;
  }
  const { id } = capsuleSchema.parse(answer.body);
  world.known.capsules.add(id);
  world.ledger.capsules.made += 1;
  world.log.write(plan.name, "created", { id });
  if (second !== undefined && (second.status !== 201 || capsuleSchema.parse(second.body).id !== id)) {
    world.ledger.capsules.doubled += 1;
    world.ledger.find(plan.name, "the same creation has two answers", { first: id, second: second.body });
  }
  await untilStatus(world, plan.name, id, ["running"]);
  return id;
}

/** Waits for one of these statuses; an unexpected `error` on the way is a finding. */
async function untilStatus(world: World, who: string, id: string, wanted: readonly Capsule["status"][]): Promise<Capsule | undefined> {
  const until = performance.now() + ANSWER_MS_MAX;
  for (;;) {
    const answer = await ask(world, who, "getCapsule", { params: { id } });
    const now = answer.status === 200 ? capsuleSchema.parse(answer.body) : undefined;
    if (now !== undefined && wanted.includes(now.status)) return now;
    if (now === undefined || now.status === "error" || performance.now() > until) {
      world.ledger.capsules.wrong += 1;
      world.ledger.find(who, `a capsule is not ${wanted.join(" or ")}`, { status: answer.status, body: answer.body });
      return undefined;
    }
    await sleep(LOOK_MS);
  }
}

async function runExecs(world: World, id: string, fate: Fate, plan: LifePlan): Promise<void> {
  for (const exec of plan.execs) await runExec(world, id, fate, exec);
}

async function runFault(world: World, id: string, fate: Fate, plan: LifePlan): Promise<void> {
  switch (plan.fault) {
    case "none":
      return;
    case "pause":
      return pauses(world, id, plan);
    case "disk":
      await sleep(plan.faultAfterMs);
      return fillDisk(world, id, plan);
    case "agent":
      await sleep(plan.faultAfterMs);
      return killAgent(world, id, fate, plan);
    case "stop":
      await sleep(plan.faultAfterMs);
      world.ledger.fault("capsules stopped at work");
      fate.doom = "stop";
      world.log.write(plan.name, "is stopped at work");
      await change(world, plan, id, "stopCapsule", 0);
      fate.isOver = true;
      return;
    case "destroy":
      await sleep(plan.faultAfterMs);
      world.ledger.fault("capsules destroyed at work");
      fate.doom = "destroy";
      world.log.write(plan.name, "is destroyed at work");
      await destroy(world, plan.name, id);
      fate.isOver = true;
  }
}

async function pauses(world: World, id: string, plan: LifePlan): Promise<void> {
  for (const [number, { afterMs, forMs }] of plan.pauses.entries()) {
    await sleep(afterMs);
    world.ledger.fault("pauses");
    world.log.write(plan.name, "is paused", { forMs });
    await change(world, plan, id, "pauseCapsule", number);
    await sleep(forMs);
    await untilStatus(world, plan.name, id, ["paused"]);
    await change(world, plan, id, "resumeCapsule", number);
    world.log.write(plan.name, "is resumed");
  }
}

async function change(
  world: World,
  plan: LifePlan,
  id: string,
  operation: "pauseCapsule" | "resumeCapsule" | "stopCapsule",
  number: number,
): Promise<void> {
  const answer = await ask(world, plan.name, operation, {
    params: { id },
    headers: { "idempotency-key": `${world.runId}/${plan.name}/${operation}${number}` },
  });
  if (answer.status === 200) return;
  world.ledger.answers.wrong += 1;
  world.ledger.find(plan.name, `${operation} was refused`, { status: answer.status, body: answer.body });
}

/** Fills the disk to its limit, sees that it is one, and makes room again. Jobs go on meanwhile and lose nothing. */
async function fillDisk(world: World, id: string, plan: LifePlan): Promise<void> {
  world.ledger.fault("disks filled");
  world.log.write(plan.name, "fills its disk");
  const fill =
    "head -c 300M /dev/zero >/root/fill 2>/root/why || true; wc -c </root/fill; sleep 1; rm /root/fill; echo well >/root/after && cat /root/after";
  const answer = await ask(world, plan.name, "exec", {
    params: { id },
    headers: { "idempotency-key": `${world.runId}/${plan.name}/fill` },
    body: { cmd: "sh", args: ["-c", fill] },
  });
  const result = answer.status === 200 ? execResult.parse(answer.body) : undefined;
  const [size, after] = (result?.stdout ?? "").split("\n");
  if (Number(size) > 0 && Number(size) <= plan.diskMb * (1 << 20) && after === "well") return;
  world.ledger.answers.wrong += 1;
  world.ledger.find(plan.name, "a full disk is not as it should be", { status: answer.status, body: answer.body });
}

/** Kills the capsule's first process from the host; the capsule must say so. */
async function killAgent(world: World, id: string, fate: Fate, plan: LifePlan): Promise<void> {
  fate.doom = "agent";
  world.ledger.fault("agents killed");
  world.log.write(plan.name, "loses its agent");
  process.kill(agentPid(id), "SIGKILL");
  const until = performance.now() + ANSWER_MS_MAX;
  for (;;) {
    const answer = await ask(world, plan.name, "getCapsule", { params: { id } });
    const now = answer.status === 200 ? capsuleSchema.parse(answer.body) : undefined;
    if (now?.status === "error" && now.reason === "agent_lost" && now.startable) break;
    if (now?.status !== "running" || performance.now() > until) {
      world.ledger.capsules.wrong += 1;
      world.ledger.find(plan.name, "a capsule without an agent does not say so", { status: answer.status, body: answer.body });
      break;
    }
    await sleep(LOOK_MS);
  }
  fate.isOver = true;
}

/** Boots the capsule that was stopped or lost its agent from its disk: what its readers were shown is still there. */
async function startAgain(world: World, id: string, plan: LifePlan, jobs: readonly Job[]): Promise<void> {
  const answer = await ask(world, plan.name, "startCapsule", {
    params: { id },
    headers: { "idempotency-key": `${world.runId}/${plan.name}/start` },
    body: { wait_ms: 10_000 },
  });
  if (answer.status !== 200) {
    world.ledger.capsules.wrong += 1;
    return world.ledger.find(plan.name, "a capsule does not start again", { status: answer.status, body: answer.body });
  }
  await untilStatus(world, plan.name, id, ["running"]);
  for (const job of jobs) await readAgain(world, id, job);
}

/** Counts by what each process wrote first how often it was started: exactly once if that was acknowledged, else at most once. */
async function countStarts(world: World, id: string, plan: LifePlan): Promise<void> {
  const answer = await ask(world, plan.name, "exec", {
    params: { id },
    headers: { "idempotency-key": `${world.runId}/${plan.name}/starts` },
    body: { cmd: "cat", args: ["/dev/shm/starts"] },
  });
  const lines =
    answer.status === 200
      ? execResult
          .parse(answer.body)
          .stdout.split("\n")
          .filter((line) => line !== "")
      : [];
  const here = [...world.known.byId.values()].filter(({ capsuleId }) => capsuleId === id);
  const acknowledged = here.map(({ key }) => key);
  const mayBeCut = (name: string): boolean => here.some((each) => each.key === name && each.mayBeCut);
  for (const key of new Set([...lines, ...acknowledged])) {
    const count = lines.filter((line) => line === key).length;
    if (count > 1) world.ledger.starts.doubled += count - 1;
    if (count === 0 && mayBeCut(key)) continue;
    if (count === 0) world.ledger.starts.lost += 1;
    if (count !== 1)
      world.ledger.find(plan.name, "a process was not started once", { key, count, status: answer.status, code: codeOf(answer) });
  }
}

async function destroy(world: World, who: string, id: string): Promise<void> {
  const answer = await ask(world, who, "destroyCapsule", { params: { id } });
  const after = await ask(world, who, "getCapsule", { params: { id } });
  const now = after.status === 200 ? capsuleSchema.parse(after.body) : undefined;
  if (answer.status === 204 && now?.status === "stopped" && now.reason === "destroyed") return;
  world.ledger.capsules.wrong += 1;
  world.ledger.find(who, "a capsule is not destroyed", { status: answer.status, body: answer.body, after: after.body });
}

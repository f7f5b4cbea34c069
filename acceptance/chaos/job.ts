import { setTimeout as sleep } from "node:timers/promises";
import { execStarted, processFacts } from "@capsuled/contract";
import type { z } from "zod";
import { ask, askOnce, codeOf, Unanswered } from "./ask.ts";
import { readPages } from "./pages.ts";
import type { JobPlan, WatcherPlan } from "./plan.ts";
import { contentOf, plannedEnd, producerCommand } from "./producer.ts";
import { Reader } from "./reader.ts";
import type { StreamCheck } from "./stream-check.ts";
import type { Fate, World } from "./world.ts";
import { DOOMS } from "./world.ts";

const LOOK_MS = 40;

/** A job as far as it got. */
export interface Job {
  readonly plan: JobPlan;
  id: string | null;
  pid: number | null;
  killAsked: boolean;
  /** Bytes of each stream that some reader was shown. */
  readonly shown: { stdout: number; stderr: number };
  /** Its end was read and judged. */
  hasEnded: boolean;
}

export function newJob(plan: JobPlan): Job {
  return { plan, id: null, pid: null, killAsked: false, shown: { stdout: 0, stderr: 0 }, hasEnded: false };
}

/** Starts a job, reads it to its end and judges that; returns early where its capsule ends under it. */
export async function runJob(world: World, capsuleId: string, fate: Fate, job: Job): Promise<void> {
  const { plan } = job;
  await sleep(plan.afterMs);
  if (fate.doom !== null) return;
  world.log.write(plan.key, "job", { via: plan.via, stdout: plan.stdoutBytes, stderr: plan.stderrBytes });
  const onStart = ({ id, pid }: { readonly id: string; readonly pid: number }): void => {
    job.id = id;
    job.pid = pid;
    world.ledger.starts.expected += 1;
    world.known.byId.set(id, { key: plan.key, capsuleId, end: null, mayBeCut: false, hasEvents: true });
  };
  if (plan.via === "background" && !(await startInBackground(world, capsuleId, fate, plan, onStart))) return;
  const first = new Reader({
    world,
    who: `${plan.key}/reader`,
    capsuleId,
    fate,
    job: plan,
    plan: plan.reader,
    selector: job.id,
    from: "start",
    at: { stdout: 0, stderr: 0 },
    leavesAfter: null,
    startsAs: job.id === null ? job.plan.key : null,
    onStart,
  });
  const reading = plan.readOverHttp ? readOverHttp(world, capsuleId, fate, job) : readBySocket(world, capsuleId, fate, job, first);
  await Promise.all([
    reading,
    killSometime(world, capsuleId, fate, job),
    ...plan.watchers.map((watcher, number) => watch(world, capsuleId, fate, job, first, watcher, number)),
  ]);
}

async function readBySocket(world: World, capsuleId: string, fate: Fate, job: Job, reader: Reader): Promise<void> {
  if (job.plan.via === "background") await sleep(job.plan.readAfterMs);
  const end = await reader.run();
  const { stdout, stderr } = reader.checks;
  job.shown.stdout = stdout.seen;
  job.shown.stderr = stderr.seen;
  if (end === "exit") await judgeEnd(world, capsuleId, fate, job, reader.checks);
  else if (end === "failed") countWrongEnd(world, job, "its end could not be read");
  if (end === "exit" && reader.exit !== null && job.id !== null) {
    const known = world.known.byId.get(job.id)?.end;
    if (known?.reason !== reader.exit.reason || known.exitCode !== reader.exit.exit_code)
      countWrongEnd(world, job, "the socket's end is not the one that is remembered", { socket: reader.exit, known });
  }
}

async function readOverHttp(world: World, capsuleId: string, fate: Fate, job: Job): Promise<void> {
  if (job.id === null) return;
  await sleep(job.plan.readAfterMs);
  const at = { capsuleId, id: job.id, fate };
  const [stdout, stderr] = await Promise.all([readPages(world, at, job.plan, "stdout"), readPages(world, at, job.plan, "stderr")]);
  job.shown.stdout = stdout.check.seen;
  job.shown.stderr = stderr.check.seen;
  if (stdout.total !== null && stderr.total !== null)
    await judgeEnd(world, capsuleId, fate, job, { stdout: stdout.check, stderr: stderr.check });
}

/** A background start by its name, so that it happens once; false where the capsule ended first. */
async function startInBackground(
  world: World,
  capsuleId: string,
  fate: Fate,
  plan: JobPlan,
  onStart: (started: { readonly id: string; readonly pid: number }) => void,
): Promise<boolean> {
  for (let tries = 0; ;) {
    const answer = await ask(world, plan.key, "exec", {
      params: { id: capsuleId },
      headers: { "idempotency-key": `${world.runId}/${plan.key}.${tries}` },
      body: { ...producerCommand(world.seed, plan), background: true, ...(plan.tag === null ? {} : { tag: plan.tag }) },
    });
    if (answer.status === 202) {
      onStart(execStarted.parse(answer.body));
      return true;
    }
    if (fate.doom !== null) return false;
    if (codeOf(answer) !== "invalid_state") {
      world.ledger.answers.wrong += 1;
      world.ledger.find(plan.key, "a background start was refused", { status: answer.status, body: answer.body });
      return false;
    }
    tries += 1; // paused: refused for good under this name
    await sleep(LOOK_MS);
  }
}

/** The end's facts: as planned, or as it was killed; every byte certified is the planned one. */
async function judgeEnd(
  world: World,
  capsuleId: string,
  fate: Fate,
  job: Job,
  checks: Readonly<Record<"stdout" | "stderr", StreamCheck>>,
): Promise<void> {
  const { plan, id } = job;
  if (id === null) return;
  const facts = await processOf(world, plan.key, capsuleId, id);
  job.hasEnded = true;
  world.ledger.exits.expected += 1;
  if (facts === undefined || facts.running || facts.reason === null)
    return countWrongEnd(world, job, "an ended process has no end", { facts });
  const known = world.known.byId.get(id);
  if (known !== undefined) known.end = { reason: facts.reason, exitCode: facts.exit_code };
  const end = `${facts.reason} ${facts.exit_code}`;
  const planned = plannedEnd(plan.end);
  const byItself = `${planned.reason} ${planned.exitCode}`;
  const killed = plan.kill?.by === "api" ? "killed 137" : "signaled 137";
  const wasCutShort = (job.killAsked && end === killed) || (fate.doom !== null && facts.reason === DOOMS[fate.doom]);
  if (end !== byItself && !wasCutShort) countWrongEnd(world, job, "a wrong end", { end, byItself, facts });
  for (const stream of ["stdout", "stderr"] as const) {
    const printed = facts[`${stream}_bytes`];
    const due = plan[`${stream}Bytes`];
    if (printed === null || printed > due || (printed < due && !wasCutShort)) {
      world.ledger.bytes.lost += Math.max(0, due - (printed ?? 0));
      world.ledger.find(plan.key, "not all was printed", { stream, printed, due, end });
    } else if (facts[`${stream}_sha256`] !== checks[stream].digest(printed)) {
      countWrongEnd(world, job, "a wrong digest", { stream, printed, digest: facts[`${stream}_sha256`] });
    }
  }
}

function countWrongEnd(world: World, job: Job, what: string, facts: Readonly<Record<string, unknown>> = {}): void {
  world.ledger.exits.wrong += 1;
  world.ledger.find(job.plan.key, what, { id: job.id, ...facts });
}

export async function processOf(
  world: World,
  who: string,
  capsuleId: string,
  id: string,
): Promise<z.output<typeof processFacts> | undefined> {
  const answer = await ask(world, who, "getProcess", { params: { id: capsuleId, selector: id } });
  return answer.status === 200 ? processFacts.parse(answer.body) : undefined;
}

/** Kills the process as planned, through the API or from inside; a process that has ended already is left alone. */
async function killSometime(world: World, capsuleId: string, fate: Fate, job: Job): Promise<void> {
  const { kill, key } = job.plan;
  if (kill === null) return;
  await sleep(kill.afterMs);
  while (job.pid === null && fate.doom === null && !world.broken.aborted) await sleep(LOOK_MS);
  if (job.hasEnded || fate.doom !== null || job.id === null) return;
  job.killAsked = true;
  const known = world.known.byId.get(job.id);
  if (known !== undefined) known.mayBeCut = true;
  world.ledger.fault("processes killed");
  world.log.write(key, "is killed", { by: kill.by });
  if (kill.by === "api") {
    await ask(world, key, "killProcess", {
      params: { id: capsuleId, selector: job.id },
      headers: { "idempotency-key": `${world.runId}/${key}/kill` },
    });
    return;
  }
  const script = 'grep -aq "$2" "/proc/$1/cmdline" && kill -9 "$1"';
  await askOnce(world, key, "exec", { params: { id: capsuleId }, body: { cmd: "sh", args: ["-c", script, "sh", String(job.pid), key] } });
}

/** A second reader of the same process: from the start, from now, by the same start once more, or from a record that the first reader has had. */
async function watch(
  world: World,
  capsuleId: string,
  fate: Fate,
  job: Job,
  first: Reader,
  plan: WatcherPlan,
  number: number,
): Promise<void> {
  const who = `${job.plan.key}/w${number}`;
  await sleep(plan.afterMs);
  while (job.id === null && fate.doom === null && !world.broken.aborted) await sleep(LOOK_MS);
  if (fate.doom !== null || job.id === null) return;
  const point = first.points[Math.floor(first.points.length * plan.share)];
  if (plan.from === "known" && point === undefined) return;
  if (plan.from === "named" && job.plan.via !== "stream") return;
  // The first reader's offsets in text are those of whole characters, so only text fits them; and a repeat is the same request.
  const isLikeFirst = plan.from === "named" || (plan.from === "known" && job.plan.reader.encoding === "utf-8");
  const encoding = isLikeFirst ? job.plan.reader.encoding : plan.encoding;
  const content = { stdout: contentOf(world.seed, job.plan, "stdout"), stderr: contentOf(world.seed, job.plan, "stderr") };
  const offset = (stream: "stdout" | "stderr"): number | null => {
    if (plan.from === "start" || plan.from === "named") return 0;
    if (plan.from === "now" || point === undefined) return null;
    return encoding === "utf-8" ? content[stream].characterAt(point[stream]) : point[stream];
  };
  const reader = new Reader({
    world,
    who,
    capsuleId,
    fate,
    job: job.plan,
    plan: { ...plan, encoding },
    startsAs: plan.from === "named" ? first.startName : null,
    selector: plan.from === "named" ? null : plan.byTag && job.plan.tag !== null ? job.plan.tag : job.id,
    from: plan.from === "known" && point !== undefined ? point.seq : plan.from === "now" ? "now" : "start",
    at: { stdout: offset("stdout"), stderr: offset("stderr") },
    leavesAfter: plan.leavesAfter,
  });
  world.log.write(who, "watches", { from: plan.from, seq: point?.seq });
  await reader.run().catch((error: unknown) => {
    if (!(error instanceof Unanswered)) throw error;
  });
}

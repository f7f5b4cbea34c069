import type { AgentLink } from "../ports/agent-link.ts";
import type { Handle, LaunchSpec } from "../ports/driver.ts";
import { CopyFailedError, HostFullError, TemplateMissingError } from "../ports/driver.ts";
import { CapsuledError } from "../fail.ts";
import { changeState } from "./change-state.ts";
import type { CapsuleDeps } from "./deps.ts";
import { connectTo, holdCapsule, secretContext } from "./hold.ts";
import { makeReady, NotReadyError } from "./make-ready.ts";
import type { CapsuleRecord } from "./record.ts";
import { unlessAborted } from "./wait.ts";

/** How a boot ended: what `create` needs to know beside the row. */
export interface BootOutcome {
  hostFull: HostFullError | null;
  /** What kept the disk that it begins with from being copied. */
  notCopied?: unknown;
  /** Called when its machine is launched: its disk is its own from then on. */
  launched?: () => void;
}

/**
 * Brings up the machine of a `pending` (or, after a crash, `starting`) capsule. Its failure is the capsule's state `error`, not an
 * exception; what a failed or overtaken boot made is removed. To be run as an act.
 */
export async function bootCapsule(deps: CapsuleDeps, id: string, signal: AbortSignal, outcome: BootOutcome): Promise<void> {
  let link: AgentLink | null = null;
  try {
    const waiting = await deps.store.find(id);
    if (waiting === undefined || (waiting.state !== "pending" && waiting.state !== "starting")) return;
    // A build that is there will do: what its recipe says now is built when the server starts.
    if (waiting.snapshotId === null) {
      const template = await deps.templates.find(waiting.template);
      if (template?.state !== "ready") await unlessAborted(deps.templates.ensure(waiting.template), signal);
    }
    const { record: booting } = await changeState(deps, id, "boot", null);
    if (booting.state !== "starting") return;
    const handle = await launch(deps, booting, signal, outcome);
    const record = await recordCopied(deps, booting);
    outcome.launched?.();
    link = connectTo(deps, record, handle);
    await makeReady(deps, record, link, signal);
    const { logNext } = await link.stats();
    await recordBooted(deps, record, handle, link, logNext);
  } catch (error) {
    link?.close();
    if (error instanceof HostFullError) outcome.hostFull = error;
    await recordFailure(deps, id, error, signal.aborted);
  }
}

/** A capsule whose disk is copied is left alone by its other acts meanwhile. */
async function launch(deps: CapsuleDeps, record: CapsuleRecord, signal: AbortSignal, outcome: BootOutcome): Promise<Handle> {
  const spec = launchSpec(deps, record);
  if (spec.sourceId === null) return deps.driver.launch(spec, signal);
  const { promise, resolve } = Promise.withResolvers<Handle>();
  try {
    await deps.acts.run(spec.sourceId, `fork ${record.id}`, async () => resolve(await deps.driver.launch(spec, signal)));
  } catch (error) {
    if (error instanceof CopyFailedError || error instanceof CapsuledError) outcome.notCopied = error;
    throw error;
  }
  return promise;
}

function launchSpec(deps: CapsuleDeps, record: CapsuleRecord): LaunchSpec {
  return {
    capsuleId: record.id,
    template: record.template,
    vcpus: record.vcpus,
    memoryMb: record.memoryMb,
    diskMb: record.diskMb,
    pidsMax: deps.limits.pidsMax,
    hostname: record.id,
    egress: record.egress,
    agentSecret: deps.sealer.open(record.sealedSecret, secretContext(record.id)),
    disk: record.hasDisk ? "keep" : "new",
    ...beginning(record),
    previous: previousEnd(record),
  };
}

/** What a new disk begins with, by what its id says. */
function beginning({ hasDisk, snapshotId }: CapsuleRecord): Pick<LaunchSpec, "snapshotId" | "sourceId"> {
  if (hasDisk || snapshotId === null) return { snapshotId: null, sourceId: null };
  return snapshotId.startsWith("cl-") ? { snapshotId: null, sourceId: snapshotId } : { snapshotId, sourceId: null };
}

/**
 * A disk that is another's copy is kept from its launch on: a later boot would begin with what the other's is by then. Where another
 * change came first, that one has the say.
 */
async function recordCopied(deps: CapsuleDeps, record: CapsuleRecord): Promise<CapsuleRecord> {
  if (beginning(record).sourceId === null) return record;
  const copied = await deps.store.transition(record, record.state, { hasDisk: true }, deps.clock.now(), { event: null, unseenEnd: null });
  return copied ?? record;
}

/** The reason that the store has given to processes whose end nobody saw; the agent gives the same one. */
function previousEnd({ reason }: CapsuleRecord): LaunchSpec["previous"] {
  switch (reason) {
    case "stopped":
      return "capsule_stopped";
    case "host_restarted":
      return "host_restarted";
    case "agent_lost":
    case "boot_failed":
    case "destroyed":
    case null:
      return "agent_lost";
  }
}

async function recordBooted(deps: CapsuleDeps, record: CapsuleRecord, handle: Handle, link: AgentLink, logNext: number): Promise<void> {
  const now = deps.clock.now();
  const booted = await changeState(deps, record.id, "booted", null, {
    handle,
    hasDisk: true,
    startedAt: now,
    lastActiveAt: now,
    endedAt: null,
    reason: null,
    message: null,
    evidence: null,
    // A log goes on over restarts of its capsule; one that is shorter than what was read of it is a new one.
    logCursor: logNext < record.logCursor ? 1 : record.logCursor,
  });
  if (booted.changed) holdCapsule(deps, booted.record, handle, link, now);
  else link.close();
}

async function recordFailure(deps: CapsuleDeps, id: string, error: unknown, isGivenUp: boolean): Promise<void> {
  if (isGivenUp) deps.log.info({ capsuleId: id, error }, "a boot was given up, since its capsule is being destroyed");
  else if (error instanceof NotReadyError)
    deps.log.info({ capsuleId: id, message: error.message }, "a capsule was not ready as its template says");
  else deps.log.error({ capsuleId: id, error }, "a capsule did not boot");
  const { changed } = await changeState(deps, id, "boot_failed", null, {
    reason: "boot_failed",
    message: publicText(error),
    handle: null,
    endedAt: deps.clock.now(),
  });
  if (changed) await deps.driver.stop(id);
}

function publicText(error: unknown): string {
  if (error instanceof HostFullError || error instanceof NotReadyError) return error.message;
  if (error instanceof CopyFailedError) return "The disk of the capsule that it was forked from could not be copied.";
  if (error instanceof TemplateMissingError) return "Its template is no longer on this host.";
  return "The machine could not be brought up; the server's log has the cause.";
}

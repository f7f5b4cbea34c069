import type { forkCreate } from "@capsuled/contract";
import type { z } from "zod";
import type { Principal } from "../access/principal.ts";
import type { BootOutcome } from "../capsule/boot.ts";
import { bootCapsule } from "../capsule/boot.ts";
import { requireRoomInTeam } from "../capsule/create.ts";
import { destroyCapsule } from "../capsule/destroy.ts";
import { createdEvent } from "../capsule/effects.ts";
import { newCapsule } from "../capsule/new-capsule.ts";
import { envsContext } from "../capsule/open-envs.ts";
import { ownedCapsule } from "../capsule/owned.ts";
import type { CapsuleRecord } from "../capsule/record.ts";
import { settledWithin } from "../capsule/wait.ts";
import { byKey } from "../event/actor.ts";
import { fail } from "../fail.ts";
import type { Intent } from "../idempotency/service.ts";
import type { Ids } from "../ports/clock.ts";
import type { HostFullError } from "../ports/driver.ts";
import { discard, discardLater } from "./discard.ts";
import type { TemplateDeps } from "./deps.ts";
import type { TemplateRecord } from "./record.ts";
import { openSettings, sealSettings } from "./settings.ts";
import { refusal, requireMachine, snapshotsOf, takeDisk } from "./take.ts";

export type ForkInput = z.output<typeof forkCreate>;

/** The disk on its way says nothing: the source does. */
const UNUSED = { sealedSettings: null, layerKey: null, usedAt: 0 };
/** Boots of one fork at once. */
const AT_ONCE = 8;

/**
 * Makes capsules whose disks begin as another's is now. For several its disk is copied once, so that all of them are alike and it stands
 * still but for that copy; the copy goes when the last fork has its own. All forks are stored together, before the first of them boots.
 */
export async function forkCapsule(
  deps: TemplateDeps,
  principal: Principal,
  id: string,
  input: ForkInput,
  intent?: Intent,
): Promise<readonly CapsuleRecord[]> {
  const ids = intent?.ids ?? deps.ids;
  const diskId = ids.next("tp");
  const forkIds = Array.from({ length: input.count }, () => ids.next("cl"));
  const before = intent === undefined || intent.stage === "new" ? [] : await found(deps, forkIds);
  if (before.length > 0) {
    if (before.every(neverBegan))
      throw fail("agent_error", "An earlier try of this request could not copy the disk; send it with another key.");
    // An earlier try of this request stored them all; who found them has booted them.
    await settledWithin(Promise.all(forkIds.map((one) => deps.acts.idle(one))), input.wait_ms);
    return found(deps, forkIds);
  }
  const source = await ownedCapsule(deps.store, principal, id);
  requireMachine(source, "a fork");
  const canCopy = await snapshotsOf(deps).copiesInLaunch();
  // A launch takes longer than a copy: others that wait for the source are not to wait for several.
  const isAlone = canCopy && input.count === 1 && !deps.acts.busy(source.id);
  await requireRoomInTeam(deps, principal, input.count);
  const beginning = isAlone ? source.id : diskId;
  const records = forkIds.map((forkId, index) => forkOf(deps, source, principal, forkId, nameOf(input, index), beginning, ids));
  if (isAlone) {
    await forkAlone(deps, principal, source, records, input.wait_ms);
    return found(deps, forkIds);
  }
  const outcome: BootOutcome = { hostFull: null };
  const stored = Promise.withResolvers<void>();
  const booted = Promise.withResolvers<void>();
  const whole = deps.makingTemplates.run(diskId, async () => {
    try {
      await copyDisk(deps, source, diskId);
      await storeAll(deps, principal, records);
      stored.resolve();
      await bootAll(deps, forkIds, outcome);
      booted.resolve();
    } finally {
      await discardLater(deps, diskId);
    }
  });
  whole.catch(stored.reject);
  whole.then(booted.resolve, () => booted.resolve());
  await stored.promise;
  // Nobody waits for the copy to be removed.
  await settledWithin(booted.promise, input.wait_ms);
  await requireBegun(deps, principal, records, outcome, source);
  return found(deps, forkIds);
}

/** One fork needs no copy beside its own disk: its launch makes that one, and is waited for in any case, since the disk is to be as it is now. */
async function forkAlone(
  deps: TemplateDeps,
  principal: Principal,
  source: CapsuleRecord,
  records: readonly CapsuleRecord[],
  waitMs: number,
): Promise<void> {
  await storeAll(deps, principal, records);
  const launched = Promise.withResolvers<void>();
  const outcome: BootOutcome = { hostFull: null, launched: launched.resolve };
  const boot = bootAll(
    deps,
    records.map(({ id }) => id),
    outcome,
  );
  await Promise.race([boot, launched.promise]);
  await settledWithin(boot, waitMs);
  await requireBegun(deps, principal, records, outcome, source);
}

/** Refused by this very request, after it was stored. */
const neverBegan = ({ state, startedAt }: CapsuleRecord): boolean => state === "destroyed" && startedAt === null;

/** Without room, or a disk to begin with, no fork stays, and the caller hears why. */
async function requireBegun(
  deps: TemplateDeps,
  principal: Principal,
  records: readonly CapsuleRecord[],
  { hostFull, notCopied }: BootOutcome,
  source: CapsuleRecord,
): Promise<void> {
  if (hostFull === null && notCopied === undefined) return;
  await Promise.all(records.map(({ id }) => destroyCapsule(deps, id, byKey(principal))));
  throw hostFull === null ? refusal(notCopied, source, "a fork") : isFull(hostFull);
}

function isFull(error: HostFullError): Error {
  return fail("host_full", error.message, { details: { resource: error.resource }, cause: error });
}

function nameOf({ name, count }: ForkInput, index: number): string | null {
  return name === undefined ? null : count === 1 ? name : `${name}-${index + 1}`;
}

async function copyDisk(deps: TemplateDeps, { id, teamId, vcpus, memoryMb, diskMb }: CapsuleRecord, diskId: string): Promise<void> {
  const facts = { vcpus, memoryMb, diskMb, sizeBytes: 0, capsuleId: id, createdAt: deps.clock.now() };
  // An earlier try of the same request may have come as far as this.
  if ((await deps.teamTemplates.find(diskId)) !== undefined) await discard(deps, diskId);
  const row: TemplateRecord = { id: diskId, teamId, hostId: deps.hostId, kind: "fork", name: null, state: "making", ...facts, ...UNUSED };
  if (!(await deps.teamTemplates.insert(row, true)))
    throw fail("unavailable", "An earlier try of this request is not cleared away yet; try again.");
  await deps.teamTemplates.finish(diskId, await takeDisk(deps, id, diskId, "a fork", false));
}

async function storeAll(deps: TemplateDeps, principal: Principal, records: readonly CapsuleRecord[]): Promise<void> {
  const holder = await deps.store.insertAll(records.map((record) => ({ record, event: createdEvent(record, byKey(principal)) })));
  if (holder === undefined) return;
  throw fail("conflict", `A capsule named ${JSON.stringify(holder.name)} exists already: ${holder.id}.`, {
    details: { field: "name", id: holder.id },
  });
}

/** What keeps one from booting is its own state; a host that is full is the outcome of all. */
async function bootAll(deps: TemplateDeps, ids: readonly string[], outcome: BootOutcome): Promise<void> {
  const left = [...ids];
  const worker = async (): Promise<void> => {
    for (let id = left.shift(); id !== undefined; id = left.shift()) {
      const one = id;
      await deps.acts
        .run(one, "boot", (signal) => bootCapsule(deps, one, signal, outcome))
        .catch((error: unknown) => deps.log.error({ capsuleId: one, error }, "a boot's outcome could not be recorded"));
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}

/** The settings of the source but for its public ports, with an id, a secret and (where one is wanted) a name of its own. */
function forkOf(
  deps: TemplateDeps,
  source: CapsuleRecord,
  principal: Principal,
  id: string,
  name: string | null,
  beginning: string,
  ids: Ids,
): CapsuleRecord {
  const { sealedEnvs } = source;
  return {
    ...source,
    ...newCapsule(deps, principal, id, ids),
    name,
    snapshotId: beginning,
    sealedSettings: sealSettings(deps.sealer, openSettings(deps.sealer, source.sealedSettings, source.id), id),
    sealedEnvs: sealedEnvs === null ? null : deps.sealer.seal(deps.sealer.open(sealedEnvs, envsContext(source.id)), envsContext(id)),
    // Who opened a port of the source to everybody has said nothing of its forks.
    publicPorts: [],
  };
}

async function found(deps: TemplateDeps, ids: readonly string[]): Promise<readonly CapsuleRecord[]> {
  return (await Promise.all(ids.map((id) => deps.store.find(id)))).filter((record) => record !== undefined);
}

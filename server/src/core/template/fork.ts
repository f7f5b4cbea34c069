import type { forkCreate } from "@capsuled/contract";
import type { z } from "zod";
import type { Principal } from "../access/principal.ts";
import type { BootOutcome } from "../capsule/boot.ts";
import { bootCapsule } from "../capsule/boot.ts";
import { requireRoomInTeam } from "../capsule/create.ts";
import { destroyCapsule } from "../capsule/destroy.ts";
import { createdEvent } from "../capsule/effects.ts";
import { secretContext } from "../capsule/hold.ts";
import { envsContext } from "../capsule/open-envs.ts";
import { ownedCapsule } from "../capsule/owned.ts";
import type { CapsuleRecord } from "../capsule/record.ts";
import { settledWithin } from "../capsule/wait.ts";
import { byKey } from "../event/actor.ts";
import { fail } from "../fail.ts";
import type { Intent } from "../idempotency/service.ts";
import type { Ids } from "../ports/clock.ts";
import { discard, discardLater } from "./discard.ts";
import type { TemplateDeps } from "./deps.ts";
import type { TemplateRecord } from "./record.ts";
import { openSettings, sealSettings } from "./settings.ts";
import { requireMachine, snapshotsOf, takeDisk } from "./take.ts";

export type ForkInput = z.output<typeof forkCreate>;

/** The disk on its way says nothing: the source does. */
const UNUSED = { sealedSettings: null, layerKey: null, usedAt: 0 };
/** Boots of one fork at once. */
const AT_ONCE = 8;

/**
 * Makes capsules whose disks begin as another's is now. Its disk is copied once, so that all forks are alike and it stands still but for
 * that copy; the copy goes when the last fork has its own. All forks are stored together, before the first of them boots.
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
    // An earlier try of this request stored them all; who found them has booted them.
    await settledWithin(Promise.all(forkIds.map((one) => deps.acts.idle(one))), input.wait_ms);
    return found(deps, forkIds);
  }
  const source = await ownedCapsule(deps.store, principal, id);
  requireMachine(source, "a fork");
  snapshotsOf(deps);
  await requireRoomInTeam(deps, principal, input.count);
  const records = forkIds.map((forkId, index) => forkOf(deps, source, principal, forkId, nameOf(input, index), diskId, ids));
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
  if (outcome.hostFull !== null) {
    await Promise.all(forkIds.map((one) => destroyCapsule(deps, one, byKey(principal))));
    throw fail("host_full", outcome.hostFull.message, { details: { resource: outcome.hostFull.resource }, cause: outcome.hostFull });
  }
  return found(deps, forkIds);
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
  diskId: string,
  ids: Ids,
): CapsuleRecord {
  const now = deps.clock.now();
  const { sealedEnvs } = source;
  return {
    ...source,
    id,
    name,
    hostId: deps.hostId,
    driver: deps.driver.name,
    handle: null,
    state: "pending",
    version: 1,
    snapshotId: diskId,
    sealedSettings: sealSettings(deps.sealer, openSettings(deps.sealer, source.sealedSettings, source.id), id),
    sealedEnvs: sealedEnvs === null ? null : deps.sealer.seal(deps.sealer.open(sealedEnvs, envsContext(source.id)), envsContext(id)),
    sealedSecret: deps.sealer.seal(ids.hex(32), secretContext(id)),
    hasDisk: false,
    reason: null,
    message: null,
    createdAt: now,
    startedAt: null,
    lastActiveAt: null,
    stateChangedAt: now,
    endedAt: null,
    requestedBy: byKey(principal),
    evidence: null,
    logCursor: 1,
    // Who opened a port of the source to everybody has said nothing of its forks.
    publicPorts: [],
  };
}

async function found(deps: TemplateDeps, ids: readonly string[]): Promise<readonly CapsuleRecord[]> {
  return (await Promise.all(ids.map((id) => deps.store.find(id)))).filter((record) => record !== undefined);
}

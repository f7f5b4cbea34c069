import type { Principal } from "../access/principal.ts";
import { ownedCapsule } from "../capsule/owned.ts";
import type { CapsuleRecord } from "../capsule/record.ts";
import { fail, invalid } from "../fail.ts";
import type { Intent } from "../idempotency/service.ts";
import { discard, discardLater } from "./discard.ts";
import type { TemplateDeps } from "./deps.ts";
import { quotaOf, quotaRefusal } from "./quota.ts";
import type { TemplateRecord } from "./record.ts";
import type { SnapshotInput, TemplateView } from "./service.ts";
import { openSettings, sealSettings } from "./settings.ts";
import { TemplateQuotaError } from "./store.ts";
import { requireMachine, snapshotsOf, takeDisk } from "./take.ts";
import { viewOf } from "./view.ts";

/** Makes a template of a capsule's disk: the row is the intent, the driver's snapshot the act, the row's size the fact. */
export async function snapshotCapsule(
  deps: TemplateDeps,
  principal: Principal,
  input: SnapshotInput,
  overwrite: boolean,
  intent?: Intent,
): Promise<TemplateView> {
  const ids = intent?.ids ?? deps.ids;
  const id = ids.next("tp");
  const done = intent === undefined || intent.stage === "new" ? undefined : await deps.teamTemplates.find(id);
  if (done?.state === "ready") return viewOf(deps, done);
  const capsule = await ownedCapsule(deps.store, principal, capsuleIdOf(input));
  const name = input.name ?? `template-${ids.hex(4)}`;
  if ((await deps.templates.find(name)) !== undefined) {
    throw fail("name_reserved", `${JSON.stringify(name)} is the name of a template that every team has.`, { details: { field: "name" } });
  }
  requireMachine(capsule, "a snapshot");
  snapshotsOf(deps);
  // What a first try left half-made makes room for this one.
  if (done !== undefined) await discard(deps, id);
  const record = newRecord(deps, capsule, id, name);
  return viewOf(deps, await deps.makingTemplates.run(id, () => make(deps, record, overwrite)));
}

async function make(deps: TemplateDeps, record: TemplateRecord, overwrite: boolean): Promise<TemplateRecord> {
  const quota = quotaOf(deps);
  const isStored = await deps.teamTemplates.insert(record, overwrite, quota).catch((error: unknown) => {
    throw quotaRefusal(deps, error, 0);
  });
  if (!isStored) throw nameTaken(record.name ?? "");
  const sizeBytes = await takeDisk(deps, record.capsuleId, record.id, "a snapshot").catch(async (error: unknown) => {
    await discardLater(deps, record.id);
    throw error;
  });
  const replaced = overwrite ? await deps.teamTemplates.findNamed(record.teamId, record.name ?? "") : undefined;
  // Where this fails nobody knows what became of it: upkeep, which does, removes what is not ready.
  const isReady = await deps.teamTemplates.finish(record.id, sizeBytes, undefined, quota).catch(async (error: unknown) => {
    if (error instanceof TemplateQuotaError) await discardLater(deps, record.id);
    throw quotaRefusal(deps, error, sizeBytes);
  });
  if (!isReady) throw fail("conflict", "The template was deleted while it was made.");
  if (replaced !== undefined) await discardLater(deps, replaced.id);
  return { ...record, state: "ready", sizeBytes };
}

function capsuleIdOf({ capsule_id: ours, sandbox_id: theirs }: SnapshotInput): string {
  const id = ours ?? theirs;
  if (id === undefined) throw invalid("capsule_id", "is needed: the capsule to take the snapshot of");
  if (ours !== undefined && theirs !== undefined && ours !== theirs)
    throw invalid("sandbox_id", "differs from capsule_id; give one of them");
  return id;
}

function nameTaken(name: string): Error {
  return fail("template_name_taken", `The team has a template named ${JSON.stringify(name)}: delete it, or send overwrite.`, {
    details: { field: "name" },
  });
}

function newRecord(deps: TemplateDeps, capsule: CapsuleRecord, id: string, name: string): TemplateRecord {
  const { teamId, vcpus, memoryMb, diskMb } = capsule;
  return {
    id,
    teamId,
    hostId: deps.hostId,
    kind: "snapshot",
    name,
    state: "making",
    vcpus,
    memoryMb,
    diskMb,
    sizeBytes: 0,
    capsuleId: capsule.id,
    createdAt: deps.clock.now(),
    sealedSettings: sealSettings(deps.sealer, openSettings(deps.sealer, capsule.sealedSettings, capsule.id), id),
    layerKey: null,
    usedAt: 0,
  };
}

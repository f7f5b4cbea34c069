import { LIMITS } from "@capsuled/contract";
import { byKey } from "../event/actor.ts";
import type { Principal } from "../access/principal.ts";
import { fail, invalid } from "../fail.ts";
import type { BootOutcome } from "./boot.ts";
import { bootCapsule } from "./boot.ts";
import type { CapsuleDeps } from "./deps.ts";
import { destroyCapsule } from "./destroy.ts";
import { createdEvent } from "./effects.ts";
import { egressFor } from "./network/egress.ts";
import { newCapsule } from "./new-capsule.ts";
import { envsContext } from "./open-envs.ts";
import { noCapsule } from "./owned.ts";
import type { CapsuleRecord } from "./record.ts";
import type { Egress } from "../ports/driver.ts";
import type { Ids } from "../ports/clock.ts";
import type { Created, CreateInput, CreateOptions } from "./service.ts";
import type { CapsuleState } from "./state.ts";
import type { ResolvedTemplate } from "../template/resolve.ts";
import { resolveDocumented } from "../template/resolve.ts";
import { sealSettings } from "../template/settings.ts";
import { settledWithin } from "./wait.ts";

/** States that count against a team's limit. */
export const COUNTED: readonly CapsuleState[] = ["pending", "starting", "running", "pausing", "paused", "resuming", "stopping"];

/** Creates and boots a capsule: the row is the intent, written before anything is done on the host. */
export async function createCapsule(
  deps: CapsuleDeps,
  principal: Principal,
  input: CreateInput,
  options: CreateOptions = {},
): Promise<Created> {
  const id = (options.intent?.ids ?? deps.ids).next("cl");
  const holder = await holderOf(deps, principal, input, options, id);
  if (holder !== undefined) return placeTaken(deps, holder, id, input, options);
  checkAgainstHost(deps, input);
  const egress = egressFor(deps, input.network);
  const begin =
    options.begin === undefined
      ? await resolveDocumented(deps, principal.teamId, input.template)
      : { name: input.template, template: options.begin };
  if (begin === undefined) {
    throw fail("not_found", `There is no template named ${JSON.stringify(input.template)}.`, { details: { field: "template" } });
  }
  await requireRoomInTeam(deps, principal, 1);
  const record = newRecord(
    deps,
    principal,
    { ...input, template: begin.name },
    begin.template,
    egress,
    id,
    options.intent?.ids ?? deps.ids,
  );
  const winner = await deps.store.insert(record, createdEvent(record, byKey(principal)));
  if (winner !== undefined) return placeTaken(deps, winner, id, input, options);
  const outcome: BootOutcome = { hostFull: null };
  const boot = deps.acts.run(record.id, "boot", (signal) => bootCapsule(deps, record.id, signal, outcome));
  boot.catch((error: unknown) => deps.log.error({ capsuleId: record.id, error }, "a boot's outcome could not be recorded"));
  await settledWithin(boot, input.wait_ms);
  if (outcome.hostFull !== null) {
    await destroyCapsule(deps, record.id, byKey(principal));
    throw fail("host_full", outcome.hostFull.message, { details: { resource: outcome.hostFull.resource }, cause: outcome.hostFull });
  }
  const now = await deps.store.find(record.id);
  if (now === undefined) throw noCapsule();
  return { record: now, isNew: true };
}

/** What is in the place already: the capsule of an earlier try of this very request, or one that has the name. */
async function holderOf(
  deps: CapsuleDeps,
  principal: Principal,
  input: CreateInput,
  options: CreateOptions,
  id: string,
): Promise<CapsuleRecord | undefined> {
  const own = options.intent === undefined || options.intent.stage === "new" ? undefined : await deps.store.find(id);
  return own ?? (input.name === undefined ? undefined : deps.store.findNamed(principal.teamId, input.name));
}

/** An earlier try is gone on with; the holder of a name is given back where that was asked for. */
async function placeTaken(
  deps: CapsuleDeps,
  holder: CapsuleRecord,
  id: string,
  input: CreateInput,
  options: CreateOptions,
): Promise<Created> {
  const isNew = holder.id === id;
  if (!isNew && options.onConflict !== "return") {
    throw fail("conflict", `A capsule named ${JSON.stringify(holder.name)} exists already: ${holder.id}.`, {
      details: { field: "name", id: holder.id },
    });
  }
  await settledWithin(deps.acts.idle(holder.id), input.wait_ms);
  return { record: (await deps.store.find(holder.id)) ?? holder, isNew };
}

function checkAgainstHost(deps: CapsuleDeps, input: CreateInput): void {
  const { hostCores, hostMemoryMb } = deps.limits;
  if (input.vcpus !== undefined && input.vcpus > hostCores) throw invalid("vcpus", `at most ${hostCores}, what this host has`);
  if (input.memory_mb !== undefined && input.memory_mb > hostMemoryMb)
    throw invalid("memory_mb", `at most ${hostMemoryMb}, what this host has`);
  if (input.timeout !== undefined && input.timeout_sec !== undefined && input.timeout !== input.timeout_sec) {
    throw invalid("timeout", "differs from timeout_sec; give one of them");
  }
}

/** Throws `quota_exceeded` where the team cannot have that many more. */
export async function requireRoomInTeam(deps: CapsuleDeps, principal: Principal, more: number): Promise<void> {
  const max = deps.limits.teamCapsulesMax;
  if (max === 0) return;
  const count = await deps.store.count(principal.teamId, COUNTED);
  if (count + more > max)
    throw fail("quota_exceeded", `The team has ${count} capsules, its limit is ${max}: destroy or stop one.`, { details: { limit: max } });
}

function newRecord(
  deps: CapsuleDeps,
  principal: Principal,
  input: CreateInput,
  template: ResolvedTemplate,
  egress: Egress,
  id: string,
  ids: Ids,
): CapsuleRecord {
  const envs = input.envs ?? {};
  const envNames = Object.keys(envs);
  return {
    ...newCapsule(deps, principal, id, ids),
    template: input.template,
    snapshotId: template.snapshotId,
    sealedSettings: sealSettings(deps.sealer, template.settings, id),
    vcpus: input.vcpus ?? template.vcpus ?? LIMITS.vcpusDefault,
    memoryMb: input.memory_mb ?? template.memoryMb ?? LIMITS.memoryMbDefault,
    diskMb: input.disk_mb ?? template.diskMb ?? LIMITS.diskMbDefault,
    timeoutSec: input.timeout_sec ?? input.timeout ?? 0,
    name: input.name ?? null,
    metadata: input.metadata ?? {},
    envNames,
    sealedEnvs: envNames.length === 0 ? null : deps.sealer.seal(JSON.stringify(envs), envsContext(id)),
    egress,
    publicPorts: input.public_ports ?? [],
    autoResume: input.auto_resume,
  };
}

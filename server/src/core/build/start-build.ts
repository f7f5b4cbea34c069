import { LIMITS } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { egressFor } from "../capsule/network/egress.ts";
import { requireRoomInTeam } from "../capsule/create.ts";
import { settledWithin } from "../capsule/wait.ts";
import { fail, invalid } from "../fail.ts";
import type { Intent } from "../idempotency/service.ts";
import { discard } from "../template/discard.ts";
import { quotaOf, quotaRefusal } from "../template/quota.ts";
import type { TemplateRecord } from "../template/record.ts";
import type { ResolvedTemplate } from "../template/resolve.ts";
import { resolveTemplate } from "../template/resolve.ts";
import { snapshotsOf } from "../template/take.ts";
import type { Builds } from "./builds.ts";
import type { BuildDeps } from "./deps.ts";
import { checkContents } from "./file-content.ts";
import { TEAM_BUILDS_MAX } from "./limits.ts";
import type { Recipe } from "./plan.ts";
import { planSteps } from "./plan.ts";
import type { BuildRecord } from "./record.ts";

/** Takes a recipe on: the template's row holds its name from now on, and the build's row is the intent. Resolves once both are stored. */
export async function startBuild(
  deps: BuildDeps,
  builds: Builds,
  principal: Principal,
  recipe: Recipe,
  intent?: Intent,
): Promise<BuildRecord> {
  const ids = intent?.ids ?? deps.ids;
  const [id, templateId] = [ids.next("bd"), ids.next("tp")];
  const before = intent === undefined || intent.stage === "new" ? undefined : await deps.builds.find(id);
  if (before !== undefined) return awaited(deps, builds, before, recipe.wait_ms);
  const base = await check(deps, principal, recipe);
  // What a first try left half-made makes room for this one.
  if ((await deps.teamTemplates.find(templateId)) !== undefined) await discard(deps, templateId);
  const record = newBuild(deps, principal, recipe, id, templateId, ids.next("cl"));
  const stored = Promise.withResolvers<void>();
  const whole = deps.makingTemplates.run(templateId, async () => {
    const template = newTemplate(deps, record, recipe, base);
    const isStored = await deps.teamTemplates.insert(template, recipe.overwrite, quotaOf(deps)).catch((error: unknown) => {
      throw quotaRefusal(deps, error, 0);
    });
    if (!isStored) throw nameTaken(recipe.name);
    await deps.builds.insert(record);
    const done = builds.begin(record, principal, recipe);
    stored.resolve();
    await done;
  });
  whole.catch(stored.reject);
  await stored.promise;
  return awaited(deps, builds, record, recipe.wait_ms);
}

async function awaited(deps: BuildDeps, builds: Builds, record: BuildRecord, waitMs: number): Promise<BuildRecord> {
  if (waitMs > 0) await settledWithin(builds.settled(record.id), waitMs);
  return (await deps.builds.find(record.id)) ?? record;
}

async function check(deps: BuildDeps, principal: Principal, recipe: Recipe): Promise<ResolvedTemplate> {
  const { name, vcpus, memory_mb: memoryMb } = recipe;
  const { hostCores, hostMemoryMb } = deps.limits;
  if (vcpus !== undefined && vcpus > hostCores) throw invalid("vcpus", `at most ${hostCores}, what this host has`);
  if (memoryMb !== undefined && memoryMb > hostMemoryMb) throw invalid("memory_mb", `at most ${hostMemoryMb}, what this host has`);
  egressFor(deps, recipe.network);
  snapshotsOf(deps);
  if ((await deps.templates.find(name)) !== undefined)
    throw fail("name_reserved", `${JSON.stringify(name)} is the name of a template that every team has.`, { details: { field: "name" } });
  checkContents(recipe.files ?? []);
  const base = await knownBase(deps, principal, recipe.from);
  const names = new Set([...Object.keys(base.settings?.envs ?? {}), ...Object.keys(recipe.envs ?? {})]);
  if (names.size > LIMITS.envsMax) throw invalid("envs", `with those of its base more than ${LIMITS.envsMax} variables`);
  if ((await deps.builds.countUnfinished(principal.teamId)) >= TEAM_BUILDS_MAX)
    throw fail("quota_exceeded", `The team has ${TEAM_BUILDS_MAX} builds that wait or are under way, as many as it may.`, {
      details: { limit: TEAM_BUILDS_MAX },
    });
  await requireRoomInTeam(deps, principal, 1);
  return base;
}

/** What can be told of the base before the build looks for it. Throws `not_found`. */
async function knownBase(deps: BuildDeps, { teamId }: Principal, from: Recipe["from"]): Promise<ResolvedTemplate> {
  if ("image" in from) {
    if ("archive" in from.image && (await deps.imageUploads?.find(teamId, from.image.archive)) === undefined)
      throw fail("not_found", `There is no archive ${from.image.archive}.`, { details: { field: "from.image.archive" } });
    return { snapshotId: null, vcpus: null, memoryMb: null, diskMb: null, settings: null };
  }
  const base = await resolveTemplate(deps, teamId, from.template);
  if (base !== undefined) return base;
  throw fail("not_found", `There is no template named ${JSON.stringify(from.template)}.`, { details: { field: "from.template" } });
}

function nameTaken(name: string): Error {
  return fail(
    "template_name_taken",
    `The team has, or is building, a template named ${JSON.stringify(name)}: delete it, or send overwrite.`,
    {
      details: { field: "name" },
    },
  );
}

function newBuild(deps: BuildDeps, principal: Principal, recipe: Recipe, id: string, templateId: string, capsuleId: string): BuildRecord {
  return {
    id,
    teamId: principal.teamId,
    hostId: deps.hostId,
    templateId,
    name: recipe.name,
    state: "queued",
    step: null,
    steps: planSteps(recipe).length,
    cachedSteps: 0,
    reason: null,
    message: null,
    failure: null,
    capsuleId,
    createdAt: deps.clock.now(),
    startedAt: null,
    endedAt: null,
  };
}

function newTemplate(
  deps: BuildDeps,
  { templateId, teamId, name, capsuleId, createdAt }: BuildRecord,
  recipe: Recipe,
  base: ResolvedTemplate,
): TemplateRecord {
  const { vcpus, memory_mb: memoryMb, disk_mb: diskMb } = recipe;
  return {
    id: templateId,
    teamId,
    hostId: deps.hostId,
    kind: "snapshot",
    name,
    state: "making",
    vcpus: vcpus ?? base.vcpus ?? LIMITS.vcpusDefault,
    memoryMb: memoryMb ?? base.memoryMb ?? LIMITS.memoryMbDefault,
    diskMb: diskMb ?? base.diskMb ?? LIMITS.diskMbDefault,
    sizeBytes: 0,
    capsuleId,
    createdAt,
    sealedSettings: null,
    layerKey: null,
    usedAt: 0,
  };
}

import { capsuleCreate, LIMITS } from "@capsuled/contract";
import { createCapsule } from "../capsule/create.ts";
import { destroyCapsule } from "../capsule/destroy.ts";
import type { LiveCapsule } from "../capsule/live.ts";
import { outcomeWithin, unlessAborted } from "../capsule/wait.ts";
import { byKey } from "../event/actor.ts";
import type { Intent } from "../idempotency/service.ts";
import { StartRefused } from "../process/service.ts";
import { findUser } from "../process/user.ts";
import { discardLater } from "../template/discard.ts";
import { quotaOf, quotaRefusal } from "../template/quota.ts";
import type { ResolvedTemplate } from "../template/resolve.ts";
import { sealSettings } from "../template/settings.ts";
import type { TemplateSettings } from "../template/settings.ts";
import { takeDisk } from "../template/take.ts";
import { BuildError } from "./build-error.ts";
import type { Base } from "./base.ts";
import { baseOf } from "./base.ts";
import type { BuildContext } from "./context.ts";
import { cachedSteps, keepLayer } from "./layers.ts";
import { layerKeys, planSteps } from "./plan.ts";
import type { PlannedStep } from "./plan.ts";
import { runStep } from "./run-step.ts";

/** Makes the template: its base, the steps that no layer has, then its disk. Throws `BuildError` and what it is made of; the capsule is gone in any case. */
export async function runBuild(ctx: BuildContext): Promise<void> {
  const { deps, principal, record, recipe, signal } = ctx;
  const onAbort = (): void => void destroyCapsule(deps, record.capsuleId, byKey(principal)).catch(() => {});
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await deps.builds.change(record.id, { state: "building", step: 0, startedAt: deps.clock.now() });
    const base = await baseOf(ctx);
    const steps = planSteps(recipe);
    const keys = layerKeys(deps.hash, base.key, recipe, steps);
    const cached = await cachedSteps(ctx, keys);
    tellCached(ctx, steps, cached.count);
    await deps.builds.change(record.id, { cachedSteps: cached.count, step: cached.count });
    signal.throwIfAborted();
    const live = await begun(ctx, base, cached.layerId);
    for (const [before, step] of steps.entries()) {
      if (before >= cached.count) await doStep(ctx, live, before + 1, step, keys[before] ?? "");
    }
    await finish(ctx, live, settingsOf(ctx, base.settings));
  } finally {
    signal.removeEventListener("abort", onAbort);
    await gone(ctx);
  }
}

/** The build's capsule, of the furthest layer there is, or of the base. */
async function begun(ctx: BuildContext, base: Base, layerId: string | null): Promise<LiveCapsule> {
  if (layerId !== null) return bootCapsule(ctx, { ...base.template, snapshotId: layerId }, base.settings);
  const { snapshotId, settle } = await base.open();
  let hasBegun = false;
  try {
    const live = await bootCapsule(ctx, { ...base.template, snapshotId }, base.settings);
    hasBegun = true;
    return live;
  } finally {
    await settle(hasBegun);
  }
}

function tellCached({ log }: BuildContext, steps: readonly PlannedStep[], count: number): void {
  for (const [before, { label }] of steps.slice(0, count).entries())
    log.step({ type: "step", step: before + 1, command: label, state: "cached" });
}

/** The build's capsule, running. It has none of the base's start command: nothing but the steps runs in it. */
async function bootCapsule(ctx: BuildContext, template: ResolvedTemplate, base: TemplateSettings | null): Promise<LiveCapsule> {
  const { deps, principal, record, recipe, signal } = ctx;
  const { capsuleId } = record;
  const intent: Intent = {
    key: record.id,
    ids: { next: (prefix) => (prefix === "cl" ? capsuleId : deps.ids.next(prefix)), hex: (bytes) => deps.ids.hex(bytes) },
    stage: "new",
  };
  const { vcpus, memory_mb, disk_mb, network } = recipe;
  const input = capsuleCreate.parse({
    template: "image" in recipe.from ? recipe.name : recipe.from.template,
    vcpus,
    memory_mb,
    disk_mb,
    network,
    envs: { ...base?.envs, ...recipe.envs },
    metadata: { template_build: record.id },
    wait_ms: LIMITS.waitMsMax,
  });
  await createCapsule(deps, principal, input, { intent, begin: { ...template, settings: null } });
  await unlessAborted(deps.acts.idle(capsuleId), signal);
  signal.throwIfAborted();
  const live = deps.live.get(capsuleId);
  if (live !== undefined && live.record.state === "running") return live;
  const capsule = await deps.store.find(capsuleId);
  throw new BuildError("base_failed", capsule?.message ?? "The build's capsule could not be brought up.");
}

async function doStep(ctx: BuildContext, live: LiveCapsule, index: number, step: PlannedStep, key: string): Promise<void> {
  const { deps, record, log, signal } = ctx;
  const told = { type: "step", step: index, command: step.label } as const;
  await deps.builds.change(record.id, { step: index });
  log.step({ ...told, state: "started" });
  const startedAt = performance.now();
  const took = (): number => Math.round(performance.now() - startedAt);
  try {
    await unlessAborted(runStep(ctx, live, index, step), signal);
  } catch (error) {
    signal.throwIfAborted();
    const exitCode = error instanceof BuildError ? (error.failure?.exitCode ?? null) : null;
    log.step({ ...told, state: "failed", duration_ms: took(), ...(exitCode !== null && { exit_code: exitCode }) });
    throw error;
  }
  log.step({ ...told, state: "done", duration_ms: took(), ...(step.kind !== "files" && { exit_code: 0 }) });
  await keepLayer(ctx, live, key);
}

/** What the recipe says, over what its base says. */
function settingsOf({ recipe }: BuildContext, base: TemplateSettings | null): TemplateSettings {
  const { envs, user, cwd, start_command: start, ready_check: ready } = recipe;
  return {
    envs: { ...base?.envs, ...envs },
    user: user ?? base?.user ?? null,
    cwd: cwd ?? base?.cwd ?? null,
    startCommand: start === undefined ? (base?.startCommand ?? null) : { cmd: start.cmd, args: [...(start.args ?? [])] },
    readyCheck: ready === undefined ? (base?.readyCheck ?? null) : readyCheckOf(ready),
  };
}

function readyCheckOf(ready: NonNullable<BuildContext["recipe"]["ready_check"]>): NonNullable<TemplateSettings["readyCheck"]> {
  const { timeout_sec: timeoutSec } = ready;
  return "port" in ready ? { port: ready.port, timeoutSec } : { cmd: ready.cmd, args: [...(ready.args ?? [])], timeoutSec };
}

/** The disk as it is now becomes the template. */
async function finish(ctx: BuildContext, live: LiveCapsule, settings: TemplateSettings): Promise<void> {
  const { deps, principal, record, signal } = ctx;
  const { templateId, name } = record;
  if (settings.user !== null) await requireUser(ctx, live, settings.user);
  const sizeBytes = await takeDisk(deps, live.record.id, templateId, "a template of it");
  signal.throwIfAborted();
  const replaced = await deps.teamTemplates.findNamed(principal.teamId, name);
  const sealed = sealSettings(deps.sealer, settings, templateId);
  const isReady = await deps.teamTemplates.finish(templateId, sizeBytes, sealed, quotaOf(deps)).catch((error: unknown) => {
    throw quotaRefusal(deps, error, sizeBytes);
  });
  if (!isReady) throw new BuildError("name_taken", "The template was deleted while it was made.");
  if (replaced !== undefined && replaced.id !== templateId) await discardLater(deps, replaced.id);
}

async function requireUser({ deps, principal }: BuildContext, live: LiveCapsule, user: string): Promise<void> {
  try {
    await findUser(deps, live.link, user, principal.keyId);
  } catch (error) {
    if (error instanceof StartRefused)
      throw new BuildError("user_not_found", `The template says to run as ${JSON.stringify(user)}: ${error.message}`);
    throw error;
  }
}

/** Milliseconds that the removal of a build's capsule may take before the build ends without it; recovery goes on with it. */
const GONE_MS = 30_000;

async function gone({ deps, principal, record }: BuildContext): Promise<void> {
  if ((await deps.store.find(record.capsuleId)) === undefined) return;
  try {
    await outcomeWithin(destroyCapsule(deps, record.capsuleId, byKey(principal)), GONE_MS);
  } catch (error) {
    deps.log.warn({ buildId: record.id, capsuleId: record.capsuleId, error }, "the capsule of a build could not be destroyed yet");
  }
}

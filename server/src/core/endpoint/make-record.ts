import type { EndpointDefinition } from "@capsuled/contract";
import { canonicalJson } from "../idempotency/canonical.ts";
import type { EndpointDeps } from "./deps.ts";
import { openSecrets } from "./open-secrets.ts";
import type { EndpointRecord, StoredDefinition } from "./record.ts";
import { endpointContext } from "./record.ts";
import { isAsync, methodsOfEndpoint } from "./told.ts";
import type { EndpointSecrets } from "./secret.ts";
import { secretsIn } from "./secret.ts";

/** An endpoint as a definition makes it, and the definition's fields that differ from what there is. */
export interface MadeRecord {
  /** What there is, where nothing differs. */
  readonly record: EndpointRecord;
  /** Sorted; all that are given, for a new one. */
  readonly fields: readonly string[];
}

type Deps = Pick<EndpointDeps, "clock" | "ids" | "sealer" | "schedules">;

/** A new endpoint, or the next version of one; the same record again when the definition says what it says already. */
export function makeRecord(
  deps: Deps,
  teamId: string,
  name: string,
  definition: EndpointDefinition,
  existing: EndpointRecord | undefined,
): MadeRecord {
  const { secret: _secret, envs: _envs, ...stored } = definition;
  const secrets = secretsIn(definition);
  const fields = changedFields(
    existing?.definition,
    stored,
    existing === undefined ? undefined : openSecrets(deps.sealer, existing),
    secrets,
  );
  if (existing !== undefined && fields.length === 0) return { record: existing, fields };
  const now = deps.clock.now();
  const id = existing?.id ?? deps.ids.next("ep");
  const isEmpty = secrets.secrets.length === 0 && Object.keys(secrets.envs).length === 0;
  const schedulePaused = stored.schedule !== undefined && existing?.schedulePaused === true;
  const record: EndpointRecord = {
    id,
    teamId,
    name,
    definition: stored,
    envNames: Object.keys(secrets.envs).toSorted(),
    sealed: isEmpty ? null : deps.sealer.seal(JSON.stringify(secrets), endpointContext(id)),
    hasSecret: secrets.secrets.length > 0,
    version: (existing?.version ?? 0) + 1,
    schedulePaused,
    nextRunAt: schedulePaused ? null : nextRun(deps, stored, existing, fields),
    createdAt: existing?.createdAt ?? now,
    updatedAt: now,
  };
  return { record, fields };
}

/** The next time of the schedule from now on; null without one. */
export function nextTime({ schedules, clock }: Pick<Deps, "schedules" | "clock">, definition: StoredDefinition): number | null {
  if (definition.schedule === undefined) return null;
  const parsed = schedules.parse(definition.schedule, definition.timezone);
  return parsed.ok ? parsed.next(clock.now()) : null;
}

/** A schedule that stays the same keeps its next time, so that a change of something else passes nothing over. */
function nextRun(deps: Deps, stored: StoredDefinition, existing: EndpointRecord | undefined, fields: readonly string[]): number | null {
  const isSame = existing !== undefined && !fields.includes("schedule") && !fields.includes("timezone");
  return isSame ? existing.nextRunAt : nextTime(deps, stored);
}

function changedFields(
  before: StoredDefinition | undefined,
  after: StoredDefinition,
  sealedBefore: EndpointSecrets | undefined,
  sealed: EndpointSecrets,
): readonly string[] {
  const old = new Map<string, unknown>([...(before === undefined ? [] : Object.entries(inFull(before))), ...sealedFields(sealedBefore)]);
  const fresh = new Map<string, unknown>([...Object.entries(inFull(after)), ...sealedFields(sealed)]);
  return [...new Set([...old.keys(), ...fresh.keys()])]
    .filter((name) => canonicalJson(old.get(name)) !== canonicalJson(fresh.get(name)))
    .toSorted();
}

/** With what is told of a definition that leaves it out, so that what was told and is sent back is no change. */
function inFull(definition: StoredDefinition): Readonly<Record<string, unknown>> {
  return { ...definition, args: definition.args ?? [], method: methodsOfEndpoint(definition), async: isAsync(definition) };
}

function sealedFields(sealed: EndpointSecrets | undefined): readonly [string, unknown][] {
  return [
    ["secret", sealed === undefined || sealed.secrets.length === 0 ? undefined : sealed.secrets],
    ["envs", sealed === undefined || Object.keys(sealed.envs).length === 0 ? undefined : sealed.envs],
  ];
}

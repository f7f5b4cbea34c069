import type { endpoint } from "@capsuled/contract";
import type { z } from "zod";
import type { Principal } from "../../core/access/principal.ts";
import type { EndpointRecord } from "../../core/endpoint/record.ts";
import { isAsync, methodsOfEndpoint } from "../../core/endpoint/told.ts";
import type { RouteDeps } from "../deps.ts";
import { timestamp, timestampOrNull } from "./time.ts";

/** An endpoint as its team sees it: nothing of what is sealed; what its notifications are signed with, for admins. */
export async function renderEndpoint(
  record: EndpointRecord,
  caller: Principal,
  { teams, signer }: Pick<RouteDeps, "teams" | "signer">,
): Promise<z.output<typeof endpoint>> {
  const ownerSlug = await teams.slugOf(record.teamId);
  const { definition } = record;
  return {
    id: record.id,
    name: record.name,
    url: `/v1/${ownerSlug}/${record.name}`,
    ...definition,
    method: [...methodsOfEndpoint(definition)],
    args: definition.args ?? [],
    async: isAsync(definition),
    has_secret: record.hasSecret,
    env_names: [...record.envNames],
    schedule_paused: record.schedulePaused,
    next_run_at: timestampOrNull(record.nextRunAt),
    created_at: timestamp(record.createdAt),
    updated_at: timestamp(record.updatedAt),
    version: record.version,
    ...(caller.role === "admin" && definition.notify_url !== undefined ? { notify_secret: signer.secretOf(record.id) } : {}),
  };
}

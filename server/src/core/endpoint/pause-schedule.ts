import type { Principal } from "../access/principal.ts";
import { fail } from "../fail.ts";
import type { EndpointDeps } from "./deps.ts";
import { getEndpoint } from "./get-endpoint.ts";
import { nextTime } from "./make-record.ts";
import type { EndpointRecord } from "./record.ts";

/** Pauses an endpoint's schedule, or lets it go on from now: what it would have run meanwhile is not made up for. Repeatable. */
export async function setPaused(
  deps: Pick<EndpointDeps, "store" | "cache" | "schedules" | "clock">,
  principal: Principal,
  name: string,
  isPaused: boolean,
): Promise<EndpointRecord> {
  const record = await getEndpoint(deps, principal, name);
  if (record.definition.schedule === undefined) throw fail("invalid_state", "The endpoint has no schedule.");
  if (record.schedulePaused === isPaused) return record;
  const nextRunAt = isPaused ? null : nextTime(deps, record.definition);
  const changed = await deps.store.setSchedulePaused(record.id, isPaused, nextRunAt);
  deps.cache.forget(principal.teamId, [name]);
  if (changed === undefined) throw fail("not_found", "There is no endpoint with this name.");
  return changed;
}

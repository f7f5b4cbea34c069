import type { EndpointDefinition } from "@capsuled/contract";
import { ENDPOINT_NAME } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { fail, invalid } from "../fail.ts";
import { checkWhole } from "./check-whole.ts";
import type { EndpointDeps } from "./deps.ts";
import { ENDPOINT_LIMITS } from "./limits.ts";
import { makeRecord } from "./make-record.ts";
import { NAME_FORM } from "./name.ts";
import type { DefinitionProblem } from "./problem.ts";
import type { EndpointRecord } from "./record.ts";

/** The whole definition in the place of what there was. What says the same as before changes nothing: its version stays. */
export async function putEndpoint(
  deps: EndpointDeps,
  principal: Principal,
  name: string,
  input: EndpointDefinition,
): Promise<{ readonly record: EndpointRecord; readonly isNew: boolean }> {
  if (!ENDPOINT_NAME.test(name)) throw invalid("name", NAME_FORM);
  const { definition, problems } = await checkWhole(deps, principal.teamId, input);
  if (problems.length > 0) throw refusal(problems);
  for (let attempt = 0; attempt < ENDPOINT_LIMITS.attemptsMax; attempt += 1) {
    const existing = await deps.store.find(principal.teamId, name);
    const { record } = makeRecord(deps, principal.teamId, name, definition, existing);
    if (record === existing) return { record, isNew: false };
    if (existing === undefined) await requireRoom(deps, principal.teamId, 1);
    const isDone = await deps.store.apply(principal.teamId, [{ kind: "put", record, fromVersion: existing?.version ?? 0 }]);
    deps.cache.forget(principal.teamId, [name]);
    if (isDone) return { record, isNew: existing === undefined };
  }
  throw changedMeanwhile();
}

/** Throws `quota_exceeded` when a team cannot have `more` endpoints. */
export async function requireRoom({ store, limits }: Pick<EndpointDeps, "store" | "limits">, teamId: string, more: number): Promise<void> {
  if (more <= 0 || (await store.count(teamId)) + more <= limits.teamEndpointsMax) return;
  throw fail("quota_exceeded", `A team has at most ${limits.teamEndpointsMax} endpoints; delete one first.`, {
    details: { resource: "endpoints", limit: limits.teamEndpointsMax },
  });
}

/** Others change the same endpoint all the time. */
export function changedMeanwhile(): Error {
  return fail("conflict", "The endpoint was changed by others meanwhile; try again.");
}

function refusal(problems: readonly DefinitionProblem[]): Error {
  const listed = problems.map(({ path, message }) => ({ field: path.join("."), message }));
  const [first = { field: "body", message: "is not valid" }] = listed;
  const more = listed.length > 1 ? ` (and ${listed.length - 1} more)` : "";
  return fail("invalid_request", `${first.field}: ${first.message}${more}`, { details: { field: first.field, problems: listed } });
}

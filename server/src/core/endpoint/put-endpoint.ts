import { ENDPOINT_NAME } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { fail, invalid } from "../fail.ts";
import { FIELD_CHARS_MAX, PROBLEMS_MAX } from "./arguments.ts";
import type { CheckedDefinition } from "./check-definition.ts";
import { checkWhole } from "./check-whole.ts";
import type { EndpointDeps } from "./deps.ts";
import { goneWarnings } from "./gone-secrets.ts";
import { ENDPOINT_LIMITS } from "./limits.ts";
import { makeRecord } from "./make-record.ts";
import { NAME_FORM } from "./name.ts";
import { NOTHING_SEALED, openSecrets } from "./open-secrets.ts";
import type { DefinitionPath, DefinitionProblem } from "./problem.ts";
import type { PutInput } from "./put-input.ts";
import { readPut, withKept } from "./put-input.ts";
import type { Written } from "./read-definition.ts";
import type { EndpointRecord } from "./record.ts";

/** What was put, and what its publisher may not have meant. */
export interface PutOutcome {
  readonly record: EndpointRecord;
  readonly isNew: boolean;
  readonly warnings: readonly DefinitionProblem[];
}

/** The whole definition in the place of what there was. What says the same as before changes nothing: its version stays. */
export async function putEndpoint(deps: EndpointDeps, principal: Principal, name: string, written: Written): Promise<PutOutcome> {
  if (!ENDPOINT_NAME.test(name)) throw invalid("name", NAME_FORM);
  const input = readPut(name, written);
  for (let attempt = 0; attempt < ENDPOINT_LIMITS.attemptsMax; attempt += 1) {
    const existing = await deps.store.find(principal.teamId, name);
    const { definition, warnings } = await checked(deps, principal.teamId, input, existing);
    const { record } = makeRecord(deps, principal.teamId, name, definition, existing);
    if (record === existing) return { record, isNew: false, warnings };
    if (existing === undefined) await requireRoom(deps, principal.teamId, 1);
    const isDone = await deps.store.apply(principal.teamId, [{ kind: "put", record, fromVersion: existing?.version ?? 0 }]);
    deps.cache.forget(principal.teamId, [name]);
    if (isDone) return { record, isNew: existing === undefined, warnings: [...warnings, ...goneWarnings(existing, record)] };
  }
  throw changedMeanwhile();
}

/** Throws `invalid_request` with all that is wrong with the definition, its form and its meaning. */
async function checked(
  deps: EndpointDeps,
  teamId: string,
  input: PutInput,
  existing: EndpointRecord | undefined,
): Promise<Pick<CheckedDefinition, "definition" | "warnings">> {
  if (input.definition === undefined) throw refusal(input.problems);
  const sealed = existing === undefined ? NOTHING_SEALED : openSecrets(deps.sealer, existing);
  const whole = withKept(input.definition, input, sealed);
  const { definition, problems, warnings } = await checkWhole(deps, teamId, whole.definition);
  const all = [...input.problems, ...whole.problems, ...problems.filter((problem) => !input.isFollowing(problem))];
  if (all.length > 0) throw refusal(all);
  return { definition, warnings };
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
  const listed = problems.slice(0, PROBLEMS_MAX).map(({ path, message }) => ({ field: fieldOf(path), message }));
  const [first = { field: "body", message: "is not valid" }] = listed;
  const more = listed.length > 1 ? ` (and ${listed.length - 1} more)` : "";
  return fail("invalid_request", `${first.field}: ${first.message}${more}`, { details: { field: first.field, problems: listed } });
}

/** `args.0.default`, as everywhere in answers. */
export function fieldOf(path: DefinitionPath): string {
  return path
    .map((part) => (part === "" ? '""' : part))
    .join(".")
    .slice(0, FIELD_CHARS_MAX);
}

import type { EndpointDefinition } from "@capsuled/contract";
import type { CheckedDefinition } from "./check-definition.ts";
import { checkDefinition } from "./check-definition.ts";
import type { EndpointDeps } from "./deps.ts";
import type { DefinitionProblem } from "./problem.ts";

export type CheckDeps = Pick<EndpointDeps, "schedules" | "templates" | "transforms" | "capsules" | "limits">;

/** All that can be said of a team's definition, with what needs a look elsewhere: its template, its capsule and its transformer's expression. */
export async function checkWhole(deps: CheckDeps, teamId: string, definition: EndpointDefinition): Promise<CheckedDefinition> {
  const checked = checkDefinition(definition, { schedules: deps.schedules, timeoutSecMax: deps.limits.timeoutSecMax });
  const problems: DefinitionProblem[] = [...checked.problems];
  const { template, transformer } = definition;
  if (template !== undefined && !(await deps.templates.isThere(teamId, template))) {
    problems.push({ path: ["template"], message: `there is no template ${JSON.stringify(template)}` });
  }
  if (transformer !== undefined && !problems.some(({ path }) => path[0] === "transformer")) {
    const message = await deps.transforms.check(teamId, transformer);
    if (message !== undefined) problems.push({ path: ["transformer", transformer.type === "jsonata" ? "expression" : "pattern"], message });
  }
  return { ...checked, problems, warnings: [...checked.warnings, ...(await warningOfCapsule(deps, teamId, definition, problems))] };
}

/** It may have been destroyed at any time since, so that a definition that is sent again is no mistake. */
async function warningOfCapsule(
  { capsules }: CheckDeps,
  teamId: string,
  { capsule }: EndpointDefinition,
  problems: readonly DefinitionProblem[],
): Promise<readonly DefinitionProblem[]> {
  if (capsule === undefined || problems.some(({ path }) => path[0] === "capsule") || (await capsules.has(teamId, capsule))) return [];
  return [{ path: ["capsule"], message: "does not exist, or not any more: calls are refused with 409 `capsule_gone`" }];
}

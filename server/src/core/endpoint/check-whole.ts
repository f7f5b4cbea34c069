import type { EndpointDefinition } from "@capsuled/contract";
import type { CheckedDefinition } from "./check-definition.ts";
import { checkDefinition } from "./check-definition.ts";
import type { EndpointDeps } from "./deps.ts";
import type { DefinitionProblem } from "./problem.ts";

type Deps = Pick<EndpointDeps, "schedules" | "templates" | "transforms" | "limits">;

/** All that can be said against a definition, with what needs a look elsewhere: its template and its transformer's expression. */
export async function checkWhole(deps: Deps, teamId: string, definition: EndpointDefinition): Promise<CheckedDefinition> {
  const checked = checkDefinition(definition, { schedules: deps.schedules, timeoutSecMax: deps.limits.timeoutSecMax });
  const problems: DefinitionProblem[] = [...checked.problems];
  const { template, transformer } = definition;
  if (template !== undefined && (await deps.templates.find(template)) === undefined) {
    problems.push({ path: ["template"], message: `there is no template ${JSON.stringify(template)}` });
  }
  if (transformer !== undefined && !problems.some(({ path }) => path[0] === "transformer")) {
    const message = await deps.transforms.check(teamId, transformer);
    if (message !== undefined) problems.push({ path: ["transformer", transformer.type === "jsonata" ? "expression" : "pattern"], message });
  }
  return { ...checked, problems };
}

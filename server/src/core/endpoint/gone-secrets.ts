import type { DefinitionProblem } from "./problem.ts";
import type { EndpointRecord } from "./record.ts";

/** What was sealed and is not sent again goes with a change, since a definition is whole; it is told, since nobody can read it back. */
export function goneWarnings(before: EndpointRecord | undefined, after: EndpointRecord): readonly DefinitionProblem[] {
  if (before === undefined) return [];
  const names = before.envNames.filter((name) => !after.envNames.includes(name));
  return [
    ...(before.hasSecret && !after.hasSecret ? [{ path: ["secret"], message: "is gone: it was not sent again" }] : []),
    ...(names.length > 0 ? [{ path: ["envs"], message: `are without ${names.join(", ")}, not sent again` }] : []),
  ];
}

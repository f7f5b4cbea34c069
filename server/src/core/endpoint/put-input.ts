import type { EndpointDefinition } from "@capsuled/contract";
import { endpointDefinition, endpointPut } from "@capsuled/contract";
import { issueText } from "../issue-text.ts";
import type { DefinitionProblem } from "./problem.ts";
import type { ReadDefinition, Written } from "./read-definition.ts";
import { readDefinition } from "./read-definition.ts";
import type { EndpointSecrets } from "./secret.ts";

/** A definition as it was put, which may be what `GET` told with changes. */
export interface PutInput extends ReadDefinition {
  /** Whether the secret that there is stays. */
  readonly keepsSecret: boolean;
  /** Variables that stay as they are. */
  readonly keptEnvs: readonly string[];
}

/** What `GET` tells beside the definition; most of it is not read. */
const TOLD = Object.keys(endpointPut.shape).filter((name) => !Object.hasOwn(endpointDefinition.shape, name));
const kept = endpointPut.pick({ has_secret: true, env_names: true, name: true }).strip();

/** Reads the body of a PUT to `name`. */
export function readPut(name: string, written: Written): PutInput {
  const told = kept.safeParse(written);
  const read = readDefinition(Object.fromEntries(Object.entries(written).filter(([field]) => !TOLD.includes(field))));
  const problems: DefinitionProblem[] = told.success ? [] : told.error.issues.map((issue) => issueText(issue));
  if (told.data?.name !== undefined && told.data.name !== name)
    problems.push({ path: ["name"], message: `is not the name in the path, ${JSON.stringify(name)}` });
  return {
    ...read,
    problems: [...read.problems, ...problems],
    keepsSecret: told.data?.has_secret === true && read.definition?.secret === undefined,
    keptEnvs: (told.data?.env_names ?? []).filter((env) => !Object.hasOwn(read.definition?.envs ?? {}, env)),
  };
}

/** The definition with what stays of what is sealed already, and what was to stay and is not there. */
export function withKept(
  definition: EndpointDefinition,
  { keepsSecret, keptEnvs }: Pick<PutInput, "keepsSecret" | "keptEnvs">,
  sealed: EndpointSecrets,
): { readonly definition: EndpointDefinition; readonly problems: readonly DefinitionProblem[] } {
  const problems: DefinitionProblem[] = [];
  let whole = definition;
  // A list and one alone are stored alike.
  if (keepsSecret && sealed.secrets.length > 0) whole = { ...whole, secret: [...sealed.secrets] };
  else if (keepsSecret) problems.push({ path: ["has_secret"], message: "is true, and there is no secret that could stay; give `secret`" });
  const missing = keptEnvs.filter((env) => !Object.hasOwn(sealed.envs, env));
  if (missing.length > 0)
    problems.push({ path: ["env_names"], message: `${missing.join(", ")}: no such variable that could stay; give it in \`envs\`` });
  const stay = Object.entries(sealed.envs).filter(([env]) => keptEnvs.includes(env));
  if (stay.length > 0) whole = { ...whole, envs: { ...whole.envs, ...Object.fromEntries(stay) } };
  return { definition: whole, problems };
}

import type { EndpointDefinition } from "@capsuled/contract";

/** What an endpoint keeps sealed, as it was given. */
export interface EndpointSecrets {
  /** Each the secret itself, or `$NAME` for a variable of `envs`. */
  readonly secrets: readonly string[];
  readonly envs: Readonly<Record<string, string>>;
}

const REFERENCE = /^\$([A-Za-z_][A-Za-z0-9_]*)$/;

/** The variable that a secret names, if it does. */
export function referenceOf(secret: string): string | undefined {
  return REFERENCE.exec(secret)?.[1];
}

export function secretsIn(definition: EndpointDefinition): EndpointSecrets {
  const { secret, envs } = definition;
  return { secrets: secret === undefined ? [] : typeof secret === "string" ? [secret] : secret, envs: envs ?? {} };
}

/** With the variables that secrets name in their place. */
export function resolveSecrets({ secrets, envs }: EndpointSecrets): EndpointSecrets {
  const resolved = secrets.flatMap((secret) => {
    const name = referenceOf(secret);
    if (name === undefined) return [secret];
    const value = Object.hasOwn(envs, name) ? envs[name] : undefined;
    return value === undefined ? [] : [value];
  });
  return { secrets: resolved, envs };
}

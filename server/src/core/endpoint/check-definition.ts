import type { EndpointDefinition } from "@capsuled/contract";
import { CAPSULE_ID, utf8Bytes } from "@capsuled/contract";
import { keyInBase64 } from "../webhook/verify.ts";
import type { Schedules } from "../ports/schedule.ts";
import { checkArgs } from "./check-args.ts";
import { checkCommand } from "./check-command.ts";
import type { EndpointArg } from "./compile.ts";
import { ENDPOINT_LIMITS } from "./limits.ts";
import type { DefinitionProblem } from "./problem.ts";
import { referenceOf, secretsIn } from "./secret.ts";

/** What a check has to know beside the definition. */
export interface CheckFacts {
  readonly schedules: Schedules;
  /** Seconds; the server's cap of a timeout. */
  readonly timeoutSecMax: number;
}

export interface CheckedDefinition {
  /** With defaults and enums of their arguments' types, and without fields that say nothing. */
  readonly definition: EndpointDefinition;
  readonly problems: readonly DefinitionProblem[];
  readonly warnings: readonly DefinitionProblem[];
}

/** Characters that a secret has at least, also one that a variable holds. */
const SECRET_CHARS_MIN = 8;
/** Bytes that the key of a secret in the form `whsec_…` has at least. */
const KEY_BYTES_MIN = 16;
const SHORT_KEY = `is a key of fewer than ${KEY_BYTES_MIN} bytes after \`whsec_\``;

/** All that the fields' own schemas cannot say and that needs no look elsewhere. */
export function checkDefinition(given: EndpointDefinition, facts: CheckFacts): CheckedDefinition {
  const { args, problems } = checkArgs(given.args ?? []);
  const definition = withoutUndefined({ ...given, ...(given.args !== undefined && { args: args.map(withoutUndefined) }) });
  return {
    definition,
    problems: [
      ...checkCommand(definition, args),
      ...problems,
      ...checkSchedule(definition, args, facts),
      ...checkWebhook(definition),
      ...checkPlace(definition),
      ...(definition.timeout > facts.timeoutSecMax
        ? [{ path: ["timeout"], message: `is more than the server's bound of ${facts.timeoutSecMax} s` }]
        : []),
      ...checkRegex(definition),
      ...checkSize(definition),
    ],
    warnings: warningsOf(definition),
  };
}

function checkSchedule(definition: EndpointDefinition, args: readonly EndpointArg[], facts: CheckFacts): readonly DefinitionProblem[] {
  const { schedule, timezone } = definition;
  if (schedule === undefined) return [];
  const parsed = facts.schedules.parse(schedule, timezone);
  const required = args.flatMap((arg, index) =>
    arg.required ? [{ path: ["args", index, "required"], message: "a schedule gives no arguments; use a default instead" }] : [],
  );
  if (parsed.ok) return required;
  // What is right in another zone is wrong in its zone only.
  const path = [facts.schedules.parse(schedule, "UTC").ok ? "timezone" : "schedule"];
  return [{ path, message: parsed.message }, ...required];
}

function checkWebhook(definition: EndpointDefinition): readonly DefinitionProblem[] {
  const problems: DefinitionProblem[] = [];
  const isWebhook = definition.trigger === "webhook";
  if (!isWebhook && definition.webhook_source !== "generic")
    problems.push({ path: ["webhook_source"], message: "is for `trigger: webhook`" });
  const methods = [definition.method ?? []].flat();
  if ((isWebhook || definition.stdin === "body") && methods.length > 0 && methods.every((method) => method === "GET")) {
    problems.push({ path: ["method"], message: `GET has no body, which ${isWebhook ? "a webhook" : "`stdin: body`"} needs` });
  }
  if (isWebhook && definition.public && definition.secret === undefined && !definition.unsigned) {
    problems.push({
      path: ["secret"],
      message: "is required for a public webhook: without it anyone who knows the URL runs it (if that is meant, say `unsigned: true`)",
    });
  }
  return [...problems, ...checkSecrets(definition)];
}

function checkSecrets(definition: EndpointDefinition): readonly DefinitionProblem[] {
  const problems: DefinitionProblem[] = [];
  const { secrets, envs } = secretsIn(definition);
  for (const [index, secret] of secrets.entries()) {
    const path = typeof definition.secret === "string" ? ["secret"] : ["secret", index];
    if (secret.startsWith("$wrapd:")) {
      problems.push({ path, message: "there is no store of secrets to refer to; give a variable of envs, as `$NAME`" });
      continue;
    }
    const name = referenceOf(secret);
    if (name === undefined) {
      if (isShortKey(definition, secret)) problems.push({ path, message: SHORT_KEY });
      continue;
    }
    const value = Object.hasOwn(envs, name) ? envs[name] : undefined;
    if (value === undefined) problems.push({ path, message: `names the variable ${name}, which envs does not have` });
    else if (value.length < SECRET_CHARS_MIN)
      problems.push({ path, message: `names the variable ${name}, which has fewer than ${SECRET_CHARS_MIN} characters` });
    else if (isShortKey(definition, value)) problems.push({ path, message: `names the variable ${name}, which ${SHORT_KEY}` });
  }
  return problems;
}

/** `whsec_` and base64, of too few bytes to be hard to guess; other senders take the whole text for the key. */
function isShortKey({ webhook_source: source }: EndpointDefinition, secret: string): boolean {
  const key = source === "generic" ? keyInBase64(secret) : null;
  return key !== null && key.length < KEY_BYTES_MIN;
}

function checkPlace(definition: EndpointDefinition): readonly DefinitionProblem[] {
  const { capsule } = definition;
  return capsule === undefined || CAPSULE_ID.test(capsule) ? [] : [{ path: ["capsule"], message: "is no capsule's id, `cl-…`" }];
}

function checkRegex(definition: EndpointDefinition): readonly DefinitionProblem[] {
  const { transformer } = definition;
  if (transformer?.type !== "regex") return [];
  const flags = transformer.flags ?? "";
  if (new Set(flags).size !== flags.length) return [{ path: ["transformer", "flags"], message: "has a flag twice" }];
  try {
    void new RegExp(transformer.pattern, flags);
    return [];
  } catch (error) {
    const message = error instanceof Error ? error.message.replace(/^Invalid regular expression: /, "") : "";
    return [{ path: ["transformer", "pattern"], message: `is no regular expression: ${message}` }];
  }
}

function checkSize({ secret: _secret, envs: _envs, ...stored }: EndpointDefinition): readonly DefinitionProblem[] {
  const bytes = utf8Bytes(JSON.stringify(stored));
  const { definitionBytesMax: max } = ENDPOINT_LIMITS;
  return bytes <= max ? [] : [{ path: ["args"], message: `make a definition of ${bytes} bytes, at most ${max}` }];
}

function warningsOf(definition: EndpointDefinition): readonly DefinitionProblem[] {
  if (definition.trigger !== "webhook") return [];
  if (definition.unsigned) return [{ path: ["unsigned"], message: "anyone who knows the URL can run it" }];
  if (definition.public || definition.secret === undefined) return [];
  const message =
    "is false: a call needs an API key beside the signature, and those who send webhooks cannot send one; give `public: true`";
  return [{ path: ["public"], message }];
}

function withoutUndefined<T extends object>(value: T): T {
  // What is left out is left out: two definitions that say the same are stored as the same.
  const copy = { ...value };
  for (const key of Object.keys(copy)) if (Reflect.get(copy, key) === undefined) Reflect.deleteProperty(copy, key);
  return copy;
}

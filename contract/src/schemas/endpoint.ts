import { z } from "zod";
import { TEMPLATE_NAME } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { envs } from "./command.ts";
import { answered, defaulted, noNul, optional, timestamp, utf8Bytes } from "./text.ts";

/** The last part of a call's URL, `/v1/{owner}/{name}`. */
export const ENDPOINT_NAME = /^[a-z0-9][a-z0-9-]{0,62}$/;
export const ENDPOINT_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;
export type EndpointMethod = (typeof ENDPOINT_METHODS)[number];
export const WEBHOOK_SOURCES = ["github", "stripe", "shopify", "generic"] as const;
export type WebhookSource = (typeof WEBHOOK_SOURCES)[number];

const ARG_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,63}$/;
const FLAG = /^-{1,2}[A-Za-z0-9][A-Za-z0-9._-]{0,62}=?$/;
const scalar = z.union([noNul(z.string().max(LIMITS.endpointArgCharsMax)), z.number(), z.boolean()]);
const sentence = noNul(z.string().max(LIMITS.endpointDescriptionCharsMax));
const shortText = noNul(z.string().min(1).max(LIMITS.pathCharsMax));

const argFields = {
  name: z.string().regex(ARG_NAME, { error: "1 to 64 of letters, digits, `_` and `-`, a letter or `_` first" }),
  required: defaulted(z.boolean(), false),
  default: optional(scalar).describe("Used when the caller leaves it out."),
  description: optional(sentence),
  type: defaulted(z.enum(["string", "integer", "number", "boolean"]), "string"),
  enum: optional(z.array(scalar).min(1).max(LIMITS.endpointEnumMax)).describe("The only values taken."),
  pattern: optional(z.string().min(1).max(LIMITS.endpointPatternCharsMax)).describe(
    "A regular expression that the whole value must match; for strings.",
  ),
  max_length: optional(z.int().min(0).max(LIMITS.endpointArgCharsMax)).describe("Characters; for strings."),
  flag: optional(z.string().regex(FLAG, { error: "like `-n`, `--count` or `--count=`" })).describe(
    "Passed before the value: `--count` gives two arguments, `--count=` one. A boolean gives the flag alone, when true.",
  ),
};

/** An argument that callers give by name. */
export const endpointArg = z.strictObject(argFields).meta({ id: "EndpointArg" });

const regexFields = {
  type: z.literal("regex"),
  pattern: z.string().min(1).max(LIMITS.endpointPatternCharsMax),
  flags: optional(z.string().regex(/^[imsu]{0,4}$/, { error: "of `i`, `m`, `s` and `u`" })),
  all: defaulted(z.boolean(), false).describe("An array of all matches instead of the first."),
};

export const transformer = z
  .discriminatedUnion("type", [
    z.strictObject({ type: z.literal("json") }).describe("Standard output is JSON."),
    z.strictObject({ type: z.literal("lines") }).describe("An array of its lines."),
    z.strictObject(regexFields).describe("The named groups of a match, or the whole match where it has none."),
    z
      .strictObject({ type: z.literal("jsonata"), expression: z.string().min(1).max(LIMITS.endpointExpressionCharsMax) })
      .describe("A JSONata expression over standard output as JSON."),
  ])
  .meta({ id: "Transformer" });

export type EndpointTransformer = z.output<typeof transformer>;

const method = z.enum(ENDPOINT_METHODS);
/** A variable's name is as short as it is; what it holds is checked with the definition. */
const secret = noNul(z.string().min(2).max(LIMITS.endpointSecretCharsMax)).refine(
  (text) => text.length >= 8 || /^\$[A-Za-z_][A-Za-z0-9_]*$/.test(text),
  { error: "at least 8 characters, or `$NAME`" },
);
const schedule = z.string().min(1).max(120);

/** A command published at a URL; the same fields stand in `capsuled.yaml`. */
const fields = {
  method: optional(z.union([method, z.array(method).min(1).max(ENDPOINT_METHODS.length)])).describe("GET and POST by default."),
  description: optional(sentence),
  command: shortText.describe("Split once, by POSIX quoting; `{{name}}` within a word is replaced by that argument. No shell."),
  shell: defaulted(z.boolean(), false).describe(
    "Give `command` to `sh -c`; arguments are environment variables then, never text of the command.",
  ),
  args: optional(z.array(endpointArg).max(LIMITS.endpointArgsMax)),
  timeout: defaulted(z.int().min(1).max(LIMITS.timeoutSecMax), LIMITS.endpointTimeoutSecDefault).describe(
    "Seconds until the process tree is killed; at most the server's own bound.",
  ),
  working_dir: optional(shortText),
  public: defaulted(z.boolean(), false).describe("Anyone may call it, without a key."),
  trigger: defaulted(z.enum(["http", "webhook"]), "http"),
  async: optional(z.boolean()).describe("Answer 202 with the run's id at once. A webhook does by default."),
  secret: optional(z.union([secret, z.array(secret).min(1).max(LIMITS.endpointSecretsMax)])).describe(
    "What a webhook is signed with; several while one is exchanged. `$NAME` means the variable of `envs`. Never given back.",
  ),
  unsigned: defaulted(z.boolean(), false).describe("A public webhook without a secret: anyone who knows the URL runs it."),
  webhook_source: defaulted(z.enum(WEBHOOK_SOURCES), "generic"),
  webhook_events: optional(z.array(z.string().min(1).max(200)).max(100)).describe("Events that run it; all when empty."),
  transformer: optional(transformer),
  schedule: optional(schedule).describe("Five fields of cron."),
  timezone: defaulted(z.string().min(1).max(64), "UTC").describe("IANA time zone of `schedule`."),
  overlap: defaulted(z.boolean(), false).describe("Start a scheduled run while the one before still runs."),
  notify_url: optional(z.url({ protocol: /^https?$/ }).max(2048)).describe("Gets a signed POST after each run."),
  notify_on: defaulted(z.enum(["always", "success", "failure"]), "always"),
  sensitive: defaulted(z.boolean(), false).describe("Keep arguments out of the run's record, and output out of notifications."),
  template: optional(z.string().regex(TEMPLATE_NAME)).describe(
    "A fresh capsule from it for each run, destroyed after it; `minimal` by default.",
  ),
  capsule: optional(z.string().min(1).max(200)).describe("Run in this capsule instead; a paused one is resumed."),
  vcpus: optional(z.number().min(0.1).max(LIMITS.vcpusMax)).describe("Of a fresh capsule."),
  memory_mb: optional(z.int().min(LIMITS.memoryMbMin).max(LIMITS.memoryMbMax)).describe("Of a fresh capsule."),
  envs: optional(envs).describe("Sealed at rest; given back by name only."),
  stdin: defaulted(z.enum(["none", "body"]), "none").describe("`body`: the request's body; arguments come from the query then."),
  max_concurrency: optional(z.int().min(1).max(LIMITS.endpointConcurrencyMax)).describe(
    "Runs at once; more wait in a bounded queue, and beyond it get 429.",
  ),
  on_disconnect: defaulted(z.enum(["continue", "kill"]), "continue").describe("What becomes of the run when its caller leaves."),
} as const;

/** Rules between the fields; each problem names its field. */
function related(input: z.core.ParsePayload<z.output<typeof loose>>): void {
  const { value, issues } = input;
  const problem = (path: string, message: string): void => {
    issues.push({ code: "custom", path: [path], message, input: value });
  };
  if (value.template !== undefined && value.capsule !== undefined) problem("capsule", "give either `template` or `capsule`");
  if (value.capsule !== undefined && value.vcpus !== undefined) problem("vcpus", "is for a fresh capsule; `capsule` names one that exists");
  if (value.capsule !== undefined && value.memory_mb !== undefined) {
    problem("memory_mb", "is for a fresh capsule; `capsule` names one that exists");
  }
  if (value.trigger !== "webhook") {
    for (const name of ["secret", "webhook_events"] as const) {
      if (value[name] !== undefined) problem(name, "is for `trigger: webhook`");
    }
  }
  if (value.unsigned && (value.trigger !== "webhook" || !value.public)) problem("unsigned", "is for a webhook with `public: true`");
  if (value.unsigned && value.secret !== undefined) problem("unsigned", "contradicts `secret`; leave out one of them");
  const names = (value.args ?? []).map((arg) => arg.name);
  const double = names.find((name, index) => names.indexOf(name) !== index);
  if (double !== undefined) problem("args", `two arguments are named ${JSON.stringify(double)}`);
}

const loose = z.strictObject(fields);

/** A definition by itself. Checks that need more than the fields (the command's own form) come after it. */
export const endpointDefinition = loose.check(related).meta({ id: "EndpointDefinition" });
export type EndpointDefinition = z.output<typeof endpointDefinition>;

const told = z.unknown().optional().describe("As GET tells it; not read.");

/** What `PUT /v1/endpoints/{name}` takes: a definition, or what `GET` told of one with changes. */
export const endpointPut = z
  .strictObject({
    ...fields,
    has_secret: optional(z.boolean()).describe("`true` without `secret`: the secret stays as it is."),
    env_names: optional(z.array(z.string().max(LIMITS.envNameCharsMax)).max(LIMITS.envsMax)).describe(
      "Variables that stay as they are, beside those in `envs`.",
    ),
    name: optional(z.string()).describe("The name in the path, if any."),
    id: told,
    url: told,
    schedule_paused: told,
    next_run_at: told,
    created_at: told,
    updated_at: told,
    version: told,
    notify_secret: told,
    warnings: told,
  })
  .meta({ id: "EndpointPut" });

/** As `transformer`, in an answer. */
const setTransformer = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("json") }),
    z.object({ type: z.literal("lines") }),
    z.object(answered(regexFields)),
    z.object({ type: z.literal("jsonata"), expression: z.string() }),
  ])
  .meta({ id: "SetTransformer" });

/** An endpoint as callers see it: its definition without what is secret. */
export const endpoint = z
  .object({
    id: z.string(),
    name: z.string().regex(ENDPOINT_NAME),
    url: z.string().describe("Path of the call, `/v1/{owner}/{name}`."),
    ...answered(fields),
    method: z.array(method),
    args: z.array(z.object(answered(argFields)).meta({ id: "SetArg" })),
    transformer: setTransformer.optional(),
    async: z.boolean(),
    has_secret: z.boolean(),
    env_names: z.array(z.string()),
    schedule_paused: z.boolean(),
    next_run_at: timestamp.nullable().describe("When the schedule runs it next."),
    created_at: timestamp,
    updated_at: timestamp,
    version: z.int().describe("Goes up with each change."),
    notify_secret: z.string().optional().describe("What notifications are signed with, by Standard Webhooks; for an admin's key."),
  })
  .omit({ secret: true, envs: true })
  .meta({ id: "Endpoint" });

/** An endpoint as it was just published, with what its publisher may not have meant. */
export const putResult = endpoint
  .extend({
    warnings: z.array(z.object({ field: z.string(), message: z.string() })).describe("What may not be meant; nothing is refused for it."),
  })
  .meta({ id: "PutResult" });

export const endpointNameParam = z.string().min(1).max(200).describe("The endpoint's name.");

export const endpointList = z
  .object({
    items: z.array(endpoint),
    next_cursor: z.string().nullable().describe("Give it as `cursor` for the next page; null at the end."),
  })
  .meta({ id: "EndpointList" });

export const endpointListQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.listLimitMax).default(100),
  cursor: z.string().min(1).max(200).optional(),
});

const yes = z.stringbool({ truthy: ["true", "1"], falsy: ["false", "0"] });

export const importQuery = z.strictObject({
  dry_run: yes.default(false).describe("Say what would change, and change nothing."),
  prune: yes.default(false).describe("Also delete endpoints that the file does not name."),
});

/** A file of definitions; YAML, of which JSON is a part. */
export const importBody = z
  .string()
  .refine((text) => utf8Bytes(text) <= LIMITS.importBytesMax, { error: `at most ${LIMITS.importBytesMax} bytes` });

export const importResult = z
  .object({
    applied: z.boolean(),
    changes: z.array(
      z.object({
        name: z.string(),
        change: z.enum(["create", "update", "unchanged", "delete"]),
        fields: z.array(z.string()).describe("The fields that differ, for `update`."),
      }),
    ),
    warnings: z.array(z.object({ line: z.int(), column: z.int(), path: z.string(), message: z.string() })),
  })
  .meta({ id: "ImportResult" });

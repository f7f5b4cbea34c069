import { z } from "zod";
import { TEMPLATE_NAME } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { command, envs } from "./command.ts";
import { imageFrom } from "./image.ts";
import { networkPolicy } from "./network.ts";
import { readyCheckShape, templateName, userName, workingDirectory } from "./template-settings.ts";
import { defaulted, noNul, optional, timestamp, utf8Bytes } from "./text.ts";

export const BUILD_ID = /^bd-[0-9a-z]{25}$/;

/** What callers see of a build's state. */
export const BUILD_STATES = ["queued", "building", "ready", "failed", "cancelled"] as const;
export type BuildState = (typeof BUILD_STATES)[number];

/** Why a build made no template: a closed set. */
export const BUILD_REASONS = [
  "step_failed",
  "step_timed_out",
  "timed_out",
  "cancelled",
  "server_lost",
  "disk_full",
  "host_full",
  "base_failed",
  "capsule_lost",
  "user_not_found",
  "name_taken",
  "quota_exceeded",
  "internal_error",
] as const;
export type BuildReason = (typeof BUILD_REASONS)[number];

const base = z.union([
  z.strictObject({ template: z.string().regex(TEMPLATE_NAME, { error: "must be a template's name" }) }),
  z.strictObject({ image: imageFrom.describe("An image of a registry, or an image archive that was uploaded.") }),
]);

/** A Debian or an Alpine package, in a version if one is said: nothing that a package manager takes for an option. */
const PACKAGE = /^[A-Za-z0-9][A-Za-z0-9.+:~=_-]*$/;

const file = z.strictObject({
  path: noNul(z.string().startsWith("/", { error: "must be absolute" }))
    .refine((path) => utf8Bytes(path) <= LIMITS.filePathBytesMax, { error: `at most ${LIMITS.filePathBytesMax} bytes` })
    .describe("Absolute; directories on the way are made."),
  content: z.string(),
  encoding: defaulted(z.enum(["utf-8", "base64"]), "utf-8").describe("How `content` is written here."),
  mode: optional(z.string().regex(/^[0-7]{3,4}$/, { error: "must be three or four octal digits" })).describe(
    "Octal permission bits as text; `644` by default.",
  ),
});

const stepSeconds = z.int().min(1).max(LIMITS.buildSecMax);

const step = z.strictObject({
  run: noNul(z.string().min(1))
    .refine((line) => utf8Bytes(line) <= LIMITS.argBytesMax, { error: `at most ${LIMITS.argBytesMax} bytes` })
    .describe("A line for `/bin/sh -c`. It fails when that exits with anything but 0."),
  envs: optional(envs).describe("Variables of this step alone, on top of the recipe's."),
  cwd: optional(workingDirectory).describe("The recipe's, when left out; `/` where that has none."),
  user: optional(userName).describe("Who runs it; root, when left out."),
  timeout_sec: defaulted(stepSeconds, LIMITS.buildStepSecDefault).describe("Seconds until it is killed and the build fails."),
});

/** Body of `POST /v1/templates`. Its parts are done in the order in which they are here. */
export const templateCreate = z
  .strictObject({
    name: templateName.describe("What capsules are created with."),
    overwrite: defaulted(z.boolean(), false).describe(
      "Whether it takes the place of the team's template of that name, once it is whole; capsules of that one go on.",
    ),
    from: defaulted(base, { template: "minimal" }).describe(
      "What it begins with: a template of yours, one that every team has, or an image.",
    ),
    packages: optional(
      z.array(z.string().max(LIMITS.nameCharsMax).regex(PACKAGE, { error: "must be a package's name" })).max(LIMITS.buildPackagesMax),
    ).describe("Packages to install, by the package manager of what it begins with (apt or apk)."),
    files: optional(z.array(file).max(LIMITS.buildFilesMax)).describe("Files to write, as root."),
    steps: optional(z.array(step).max(LIMITS.buildStepsMax)).describe("Commands, one after the other."),
    envs: optional(envs).describe(
      "Variables of the steps, and of every process in capsules of it; a capsule's own win. Only names are returned.",
    ),
    user: optional(userName).describe("Who processes in capsules of it run as where nobody says otherwise; root, when left out."),
    cwd: optional(workingDirectory).describe("Where they begin; the user's home, when left out."),
    start_command: optional(z.strictObject({ cmd: command.shape.cmd, args: command.shape.args })).describe(
      "Begins in the background, with the tag `start`, whenever a capsule of it boots.",
    ),
    ready_check: optional(readyCheckShape).describe(
      "A capsule of it is `running` when this has passed; one in which it does not pass is `error`.",
    ),
    vcpus: optional(z.int().min(1).max(LIMITS.vcpusMax)).describe("Cores of the build, and of capsules that do not say."),
    memory_mb: optional(z.int().min(LIMITS.memoryMbMin).max(LIMITS.memoryMbMax)).describe("Memory, in MiB, of both."),
    disk_mb: optional(z.int().min(LIMITS.diskMbMin).max(LIMITS.diskMbMax)).describe("What both may write, in MiB."),
    network: optional(networkPolicy).describe("Where the build may connect to; as with create. Capsules of it have their own."),
    timeout_sec: defaulted(z.int().min(1).max(LIMITS.buildSecMax), LIMITS.buildSecDefault).describe(
      "Seconds of the whole build, its wait for a turn not counted.",
    ),
    use_cache: defaulted(z.boolean(), true).describe("Whether steps that were done before, on the same base, are taken as they were."),
    wait_ms: defaulted(z.int().min(0).max(LIMITS.waitMsMax), 0).describe(
      "Milliseconds to wait for the build's end before answering with its state so far.",
    ),
  })
  .meta({ id: "TemplateCreate" });

const failure = z
  .object({
    step: z.int().describe("Index of the step, as in the log."),
    command: z.string().describe("What it was to do."),
    exit_code: z.int().nullable().describe("null where it did not come to an exit."),
    last_lines: z.string().describe("What it printed last."),
  })
  .meta({ id: "BuildFailure" });

export const templateBuild = z
  .object({
    id: z.string().regex(BUILD_ID),
    name: z.string().describe("Of the template."),
    state: z.enum(BUILD_STATES),
    step: z.int().nullable().describe("The step under way, or the one it ended in; 0 is the base. null while it waits for its turn."),
    steps: z.int().describe("Steps in all, the base not counted."),
    cached_steps: z.int().describe("Steps that were taken from the cache."),
    reason: z.enum(BUILD_REASONS).nullable().describe("Why it made no template."),
    message: z.string().nullable().describe("The reason in words."),
    error: failure.nullable().describe("The step that failed; null where it was none."),
    created_at: timestamp,
    started_at: timestamp.nullable(),
    ended_at: timestamp.nullable(),
  })
  .meta({ id: "TemplateBuild" });

export const buildIdParam = z.string().min(1).max(200).describe("The build's id, `bd-…`.");

export const buildListQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(LIMITS.listLimitMax).default(100).describe("Builds at most, the newest."),
});

export const buildLogQuery = z.strictObject({
  last_event_id: z.string().max(20).optional().describe("The same as the header `Last-Event-ID`, which goes before it."),
});

const stepIndex = z.int().describe("0 is the base.");

/** What a build tells, in the order in which it happened: `data` of its Server-Sent Events. */
export const buildLogEntry = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("step"),
      step: stepIndex,
      command: z.string(),
      state: z.enum(["started", "cached", "done", "failed"]),
      duration_ms: z.int().optional(),
      exit_code: z.int().optional(),
    }),
    z.object({ type: z.literal("output"), step: stepIndex, stream: z.enum(["stdout", "stderr"]), data: z.string() }),
    z.object({
      type: z.literal("gap"),
      step: stepIndex,
      bytes: z.int().describe("What was printed beyond the log's bound, and is not in it."),
    }),
    z.object({
      type: z.literal("end"),
      state: z.enum(["ready", "failed", "cancelled"]),
      reason: z.enum(BUILD_REASONS).nullable(),
      message: z.string().nullable(),
      error: failure.nullable(),
    }),
  ])
  .meta({ id: "BuildLogEntry" });
export type BuildLogEntry = z.output<typeof buildLogEntry>;

import { z } from "zod";
import { CAPSULE_ID, TEMPLATE_NAME } from "../ids.ts";
import { LIMITS } from "../limits.ts";
import { CAPSULE_REASONS, CAPSULE_STATUSES } from "../reasons.ts";
import { envs } from "./command.ts";
import { networkAnswer, networkPolicy } from "./network.ts";
import { publicPorts } from "./port.ts";
import { memoryEvidence } from "./process.ts";
import { capsuleNameText, defaulted, noNul, optional, timestamp } from "./text.ts";

export const metadata = z
  .record(noNul(z.string().min(1).max(LIMITS.metadataKeyCharsMax)), noNul(z.string().max(LIMITS.metadataValueCharsMax)))
  .refine((map) => Object.keys(map).length <= LIMITS.metadataKeysMax, { error: `at most ${LIMITS.metadataKeysMax} keys` })
  .describe("Your own labels: text to text.");

export const waitMs = defaulted(z.int().min(0).max(LIMITS.waitMsMax), LIMITS.waitMsDefault).describe(
  "Milliseconds to wait for `running` before answering with the status so far.",
);

const asMade = (otherwise: number): string => `Left out: what a template of yours was made with, else ${otherwise}.`;

export const capsuleCreate = z
  .object({
    template: defaulted(z.string().regex(TEMPLATE_NAME, { error: "must be a template's name" }), "minimal").describe(
      "What the file system starts from.",
    ),
    vcpus: optional(z.int().min(1).max(LIMITS.vcpusMax)).describe(`Cores; at most what the host has. ${asMade(LIMITS.vcpusDefault)}`),
    memory_mb: optional(z.int().min(LIMITS.memoryMbMin).max(LIMITS.memoryMbMax)).describe(
      `Memory in MiB; at most what the host has. ${asMade(LIMITS.memoryMbDefault)}`,
    ),
    disk_mb: optional(z.int().min(LIMITS.diskMbMin).max(LIMITS.diskMbMax)).describe(
      `What the capsule may write to disk, in MiB. ${asMade(LIMITS.diskMbDefault)}`,
    ),
    timeout_sec: optional(z.int().min(0).max(LIMITS.ttlSecMax)).describe(
      "Inactivity TTL in seconds after which it is paused; 0, the default, is never.",
    ),
    timeout: optional(z.int().min(0).max(LIMITS.ttlSecMax)).describe("The same as `timeout_sec`."),
    envs: optional(envs).describe("Variables of every process started through the API. Kept encrypted; only names are returned."),
    metadata: optional(metadata),
    name: optional(capsuleNameText(LIMITS.nameCharsMax)).describe(
      "Unique among the team's capsules that are not destroyed. Without control characters, `/` and `:`; not beginning with `cl-`, `.` or `-`; no space at its ends; not `stats` or `usage`.",
    ),
    network: optional(networkPolicy).describe(
      "Where it may connect to; left out, the internet (`allow`) where this host can give capsules a network, else nowhere (`none`).",
    ),
    public_ports: optional(publicPorts),
    auto_resume: defaulted(z.boolean(), false).describe(
      "Whether a request to one of its ports wakes it when it is paused; else such a request is a 409.",
    ),
    wait_ms: waitMs,
  })
  .meta({ id: "CapsuleCreate" });

export const capsuleCreateQuery = z.object({
  on_conflict: z
    .enum(["fail", "return"])
    .default("fail")
    .describe("What to do when the team has a capsule of that `name`: answer 409 naming it, or give it back with a 200."),
});

/** Body of start and resume. */
export const waitBody = z.object({ wait_ms: waitMs }).meta({ id: "Wait" });

export const capsule = z
  .object({
    id: z.string().regex(CAPSULE_ID),
    status: z.enum(CAPSULE_STATUSES),
    template: z.string(),
    vcpus: z.int(),
    memory_mb: z.int(),
    disk_mb: z.int(),
    timeout_sec: z.int().describe("Inactivity TTL in seconds; 0 means that it is never paused."),
    created_at: timestamp,
    started_at: timestamp.nullable().describe("When it last reached `running`; null if it never booted."),
    last_active_at: timestamp.nullable(),
    last_updated: timestamp.describe("The most recent change of status."),
    ended_at: timestamp.nullable().describe("When it last ceased to run; null while it runs."),
    name: z.string().nullable(),
    metadata: z.record(z.string(), z.string()),
    env_names: z.array(z.string()).describe("Names of the capsule's own variables; values are never returned."),
    reason: z.enum(CAPSULE_REASONS).nullable().describe("Why it is `stopped` or `error`."),
    message: z
      .string()
      .nullable()
      .describe("The reason in words, with what is known about it; while it is `pending`, how far the build is that it waits for."),
    evidence: memoryEvidence.nullable().describe("What its memory was like when it last ended; null while it runs."),
    network: networkAnswer,
    public_ports: z.array(z.int()).describe("Ports that anybody may reach."),
    auto_resume: z.boolean().describe("Whether a request to one of its ports wakes it when it is paused."),
    startable: z.boolean().describe("Whether `POST …/start` can boot it again from its disk."),
  })
  .meta({ id: "Capsule" });

export const capsuleListQuery = z.looseObject({
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(LIMITS.listLimitMax)
    .optional()
    .describe("Items a page; with it the answer is a page, not an array."),
  cursor: z.string().min(1).max(200).optional().describe("`next_cursor` of the page before."),
  status: z.enum(CAPSULE_STATUSES).optional(),
});

export const capsulePage = z.object({ items: z.array(capsule), next_cursor: z.string().nullable() }).meta({ id: "CapsulePage" });

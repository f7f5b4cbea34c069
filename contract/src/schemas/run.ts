import { z } from "zod";
import { PROCESS_REASONS } from "../reasons.ts";
import { optional, timestamp } from "./text.ts";

/** What callers see of a run's state. `error`: it never came to a process, or its end was not seen. */
export const RUN_STATUSES = ["queued", "running", "succeeded", "failed", "timed_out", "cancelled", "missed", "error"] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

/** Who asked for it. */
export const RUN_SOURCES = ["api", "public", "webhook", "schedule"] as const;
export type RunSource = (typeof RUN_SOURCES)[number];

/** Why a run ended: a process's reason, or one of the run's own. */
export const RUN_REASONS = [
  ...PROCESS_REASONS,
  "cancelled",
  "capsule_gone",
  "boot_failed",
  "host_full",
  "not_started",
  "overlapped",
  "missed",
  "queue_timeout",
  "unavailable",
] as const;
export type RunReason = (typeof RUN_REASONS)[number];

export const RUN_ID = /^run-[0-9a-z]{25}$/;
export const runIdParam = z.string().min(1).max(200).describe("The run's id, `run-…`.");

export const notification = z
  .object({
    status: z.enum(["pending", "delivered", "failed"]),
    attempts: z.int(),
    last_status: z.int().nullable().describe("HTTP status of the last attempt."),
    last_error: z.string().nullable(),
    next_attempt_at: timestamp.nullable(),
  })
  .meta({ id: "Notification" });

export const run = z
  .object({
    id: z.string().regex(RUN_ID),
    endpoint: z.string(),
    status: z.enum(RUN_STATUSES),
    reason: z.enum(RUN_REASONS).nullable(),
    error: z.string().nullable().describe("The reason in words, where it did not end by itself."),
    exit_code: z.int().nullable(),
    signal: z.string().nullable(),
    source: z.enum(RUN_SOURCES),
    key_id: z.string().nullable(),
    args: z
      .record(z.string(), z.union([z.string(), z.number(), z.boolean()]))
      .nullable()
      .describe("null for a sensitive endpoint."),
    delivery_id: z.string().nullable().describe("Of the webhook that it answers."),
    created_at: timestamp,
    started_at: timestamp.nullable(),
    ended_at: timestamp.nullable(),
    duration_ms: z.int().nullable().describe("Of the process."),
    stdout_bytes: z.int(),
    stderr_bytes: z.int(),
    capsule_id: z.string().nullable(),
    process_id: z.string().nullable(),
    notification: notification.nullable(),
  })
  .meta({ id: "Run" });

/** A run with the head of its output. */
export const runWithOutput = run
  .extend({
    output: z.string().nullable().describe("Both streams in the order in which they were printed; null where it is not kept any more."),
    output_encoding: z.enum(["utf-8", "base64"]),
    output_truncated: z.boolean().describe("There is more: read it through `/stream`."),
  })
  .meta({ id: "RunWithOutput" });

export const runList = z.object({ items: z.array(run), next_cursor: z.string().nullable() }).meta({ id: "RunList" });

export const runListQuery = z.strictObject({
  endpoint: z.string().min(1).max(200).optional(),
  status: z.enum(RUN_STATUSES).optional(),
  source: z.enum(RUN_SOURCES).optional(),
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  cursor: z.string().min(1).max(200).optional(),
});

/** What a call answers with `Accept: application/json`. */
export const callResult = z
  .object({
    output: z.string().optional().describe("Both streams, without a transformer."),
    data: z.unknown().optional().describe("What the transformer made of standard output."),
    exit_code: z.int(),
    run_id: z.string(),
    duration_ms: z.int(),
    reason: z.enum(RUN_REASONS),
    signal: z.string().nullable(),
    output_encoding: z.enum(["utf-8", "base64"]).optional().describe("Set to `base64` where the output is no text."),
    output_truncated: z.boolean().optional().describe("Set where there is more than the answer holds: `/v1/runs/{id}` has it."),
  })
  .meta({ id: "CallResult" });

/** What callers give by name. */
export const callArguments = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()])).meta({ id: "CallArguments" });

/** A webhook's event that the endpoint's `webhook_events` leave out. */
export const callIgnored = z.object({ ignored: z.literal(true), event: z.string().nullable() }).meta({ id: "CallIgnored" });

export const callAccepted = z.object({ run_id: z.string(), status: z.enum(RUN_STATUSES) }).meta({ id: "CallAccepted" });

/** Events of a call's stream, each the JSON of one `data:` line. */
export const callEvent = z
  .discriminatedUnion("type", [
    z.object({
      type: z.literal("output"),
      data: z.string().describe("One line, without its end."),
      stream: z.enum(["stdout", "stderr"]),
      partial: z.boolean().optional().describe("The line goes on in the next event: it is longer than the bound."),
      encoding: z.literal("base64").optional().describe("The line is no text; `data` is base64."),
    }),
    z.object({ type: z.literal("transformed_output"), data: z.unknown() }),
    z.object({
      type: z.literal("gap"),
      stdout_bytes: z.int(),
      stderr_bytes: z.int().describe("Bytes that are not kept any more."),
    }),
    z.object({
      type: z.literal("done"),
      exit_code: z.int(),
      duration_ms: z.int(),
      run_id: z.string(),
      reason: z.enum(RUN_REASONS),
      signal: z.string().nullable(),
      stdout_bytes: z.int(),
      stderr_bytes: z.int(),
    }),
    z.object({ type: z.literal("error"), error: z.string(), run_id: z.string(), reason: z.enum(RUN_REASONS).nullable() }),
  ])
  .meta({ id: "CallEvent" });

export const streamRunQuery = z.strictObject({
  last_event_id: optional(z.string().max(200)).describe("As the header `Last-Event-ID`, for clients that cannot set it."),
});

export const ticketCreate = z
  .strictObject({
    method: z.enum(["GET", "POST", "PUT", "PATCH", "DELETE"]).default("GET"),
    path: z.string().min(1).max(2048).describe("Path and query of the one request that it is for, e.g. `/v1/alice/deploy`."),
  })
  .meta({ id: "TicketCreate" });

export const ticketCreated = z
  .object({ ticket: z.string().describe("Give it as `?ticket=`; good for one use."), expires_at: timestamp })
  .meta({ id: "TicketCreated" });

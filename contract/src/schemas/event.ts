import { z } from "zod";
import { CAPSULE_REASONS } from "../reasons.ts";
import { memoryEvidence, processEndFacts } from "./process.ts";
import { timestamp } from "./text.ts";

/** What happens to capsules and their processes, as far as it is told: a closed set. */
export const EVENT_TYPES = [
  "capsule.created",
  "capsule.running",
  "capsule.paused",
  "capsule.resumed",
  "capsule.stopped",
  "capsule.error",
  "capsule.destroyed",
  "process.started",
  "process.ended",
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

/** Loops and parts of the server that act by themselves. */
export const SYSTEM_ACTORS = ["expire", "reconcile", "recover", "driver", "endpoint", "port"] as const;
export type SystemActor = (typeof SYSTEM_ACTORS)[number];

export const actor = z
  .discriminatedUnion("type", [
    z.object({ type: z.literal("api_key"), id: z.string().describe("The API key.") }),
    z.object({ type: z.literal("system"), id: z.enum(SYSTEM_ACTORS) }),
  ])
  .meta({ id: "Actor" });
export type Actor = z.output<typeof actor>;

const capsuleEnd = z.object({
  reason: z.enum(CAPSULE_REASONS),
  message: z.string().nullable().describe("The reason in words."),
  evidence: memoryEvidence.nullable().describe("What its memory was like; null where nobody could look any more."),
});

const nothing = z.object({});

/** What each type of event tells beside its subject. */
export const EVENT_DATA = {
  "capsule.created": z.object({
    template: z.string(),
    vcpus: z.int(),
    memory_mb: z.int(),
    disk_mb: z.int(),
    timeout_sec: z.int(),
    name: z.string().nullable(),
  }),
  "capsule.running": nothing,
  "capsule.paused": nothing,
  "capsule.resumed": nothing,
  "capsule.stopped": capsuleEnd,
  "capsule.error": capsuleEnd,
  "capsule.destroyed": capsuleEnd,
  "process.started": z.object({ pid: z.int(), tag: z.string(), cmd: z.string(), args: z.array(z.string()), started_at: timestamp }),
  "process.ended": z.object({
    pid: z.int(),
    tag: z.string(),
    cmd: z.string(),
    args: z.array(z.string()),
    started_at: timestamp,
    ended_at: timestamp,
    ...processEndFacts,
  }),
} as const satisfies Record<EventType, z.ZodType>;

export type EventData<T extends EventType> = z.output<(typeof EVENT_DATA)[T]>;

const head = {
  id: z.int().describe("Goes up with each event of the installation; the position to resume from."),
  time: timestamp,
  capsule_id: z.string(),
  process_id: z.string().nullable(),
  actor: actor.describe("Who caused it: a key, or a part of the server."),
};

const event = <T extends EventType>(type: T): z.ZodObject<typeof head & { type: z.ZodLiteral<T>; data: (typeof EVENT_DATA)[T] }> =>
  z.object({ ...head, type: z.literal(type), data: EVENT_DATA[type] });

/** One event as callers see it. */
export const eventSchema = z
  .discriminatedUnion("type", [
    event("capsule.created"),
    event("capsule.running"),
    event("capsule.paused"),
    event("capsule.resumed"),
    event("capsule.stopped"),
    event("capsule.error"),
    event("capsule.destroyed"),
    event("process.started"),
    event("process.ended"),
  ])
  .meta({ id: "Event" });

export const eventPage = z
  .object({
    items: z.array(eventSchema),
    next_cursor: z.string().nullable().describe("Give it as `cursor` for the next page; null at the end."),
  })
  .meta({ id: "EventPage" });

/** In a stream: events that were removed before they could be read. */
export const eventGap = z
  .object({
    from_id: z.int().describe("The first position that is gone."),
    to_id: z.int().describe("The last one; reading goes on after it."),
  })
  .meta({ id: "EventGap" });

const EVENT_ID_TEXT = /^[0-9]{1,16}$/;
/** A position among the events, as digits. */
const position = z
  .string()
  .regex(EVENT_ID_TEXT, { error: "must be an event's id" })
  .transform(Number)
  .refine(Number.isSafeInteger, { error: "must be an event's id" });

const filters = {
  capsule: z.string().min(1).max(200).optional().describe("Only events of this capsule and its processes."),
  type: z.enum(EVENT_TYPES).optional(),
};

export const EVENT_PAGE_MAX = 1000;

export const eventListQuery = z.strictObject({
  ...filters,
  since: position.optional().describe("Only events after this id."),
  order: z.enum(["asc", "desc"]).default("desc").describe("`desc`, the default, is newest first."),
  limit: z.coerce.number().int().min(1).max(EVENT_PAGE_MAX).default(100),
  cursor: position.optional().describe("`next_cursor` of the page before."),
});

export const eventStreamQuery = z.strictObject({
  ...filters,
  from: z
    .union([z.enum(["now", "start"]), position])
    .optional()
    .describe("`now` (the default), `start`, or the id of the last event that you have. The header `Last-Event-ID` wins over it."),
});

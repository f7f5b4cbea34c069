import { z } from "zod";
import { eventExample, eventStreamExample } from "../examples.ts";
import { defineOperation } from "../operation.ts";
import { eventListQuery, eventPage, eventStreamQuery } from "../schemas/event.ts";

const tag = "Events";
const none = z.object({});

export const listEvents = defineOperation({
  id: "listEvents",
  method: "GET",
  path: "/v1/events",
  tag,
  summary: "List what happened to the team's capsules and processes",
  description: "Kept for 7 days, and at most 100000 of a team.",
  auth: "member",
  idempotency: "safe",
  params: none,
  query: eventListQuery,
  body: null,
  answers: { 200: { description: "A page.", schema: eventPage, example: { items: [eventExample], next_cursor: null } } },
  errors: ["invalid_request", "unavailable"],
});

export const streamEvents = defineOperation({
  id: "streamEvents",
  method: "GET",
  path: "/v1/events/stream",
  tag,
  summary: "Follow the team's events as Server-Sent Events",
  description:
    "Each event carries its `id`; a client that comes back with `Last-Event-ID` (or `from`) misses and repeats none. Those of capsules carry beside their own fields what the documented client reads: `event`, `resource`, `timestamp`, and `outcome` or `metadata`. Events that were removed meanwhile are told by one `gap` event. A comment every 15 s keeps the connection open.",
  auth: "member",
  takesTicket: true,
  idempotency: "safe",
  params: none,
  query: eventStreamQuery,
  body: null,
  answers: {
    200: { description: "Events, without end.", schema: z.string(), contentType: "text/event-stream", example: eventStreamExample },
  },
  errors: ["invalid_request", "invalid_offset", "unavailable", "shutting_down"],
});

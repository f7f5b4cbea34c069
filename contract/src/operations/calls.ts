import { z } from "zod";
import { callResultExample, callStreamExample, runExample } from "../endpoint-examples.ts";
import { defineOperation } from "../operation.ts";
import { endpointNameParam } from "../schemas/endpoint.ts";
import { callAccepted, callArguments, callIgnored, callResult, ticketCreate, ticketCreated } from "../schemas/run.ts";

export const callEndpoint = defineOperation({
  id: "callEndpoint",
  method: "ANY",
  path: "/v1/{owner}/{name}",
  tag: "Endpoints",
  summary: "Call an endpoint: run its command",
  description: `By the methods that its definition names, GET and POST by default. Arguments are a flat JSON body, a form or the query.

The answer is Server-Sent Events: one \`output\` for each line, then \`done\` or \`error\`. \`Accept: application/json\` (without text/event-stream) gives one JSON object at the end. A request with \`Last-Event-ID\` attaches to the run of that event and never starts another; 204 when it was the last. \`X-Run-Id\` names the run.

A public endpoint needs no key. A webhook's delivery is checked by its signature, its body goes to standard input, and one delivery runs once. An \`Idempotency-Key\` makes a repeat attach to the first one's run.`,
  auth: "optional",
  takesTicket: true,
  idempotency: "with_key",
  params: z.object({ owner: z.string().min(1).max(200).describe("The slug of the endpoint's team."), name: endpointNameParam }),
  query: z.object({}),
  body: callArguments,
  bodyForm: { form: "raw", types: ["application/json", "application/x-www-form-urlencoded", "multipart/form-data"] },
  bodyExample: { branch: "main" },
  answers: {
    200: {
      description: "Events until the run ends, or its result. `ignored`: a webhook's event that the endpoint does not ask for.",
      schema: z.string(),
      contentType: "text/event-stream",
      example: callStreamExample,
      alternatives: { "application/json": { schema: z.union([callResult, callIgnored]), example: callResultExample } },
    },
    202: { description: "It runs, or waits its turn.", schema: callAccepted, example: { run_id: runExample.id, status: "running" } },
    204: { description: "`Last-Event-ID` was the last event.", schema: null },
  },
  errors: [
    "invalid_request",
    "invalid_signature",
    "not_found",
    "method_not_allowed",
    "invalid_state",
    "capsule_gone",
    "too_large",
    "unsupported_media_type",
    "idempotency_conflict",
    "rate_limited",
    "queue_full",
    "queue_timeout",
    "transform_failed",
    "run_failed",
    "agent_error",
    "host_full",
    "unavailable",
    "shutting_down",
    "timeout",
  ],
});

export const createTicket = defineOperation({
  id: "createTicket",
  method: "POST",
  path: "/v1/tickets",
  tag: "Keys and teams",
  summary: "Make a ticket for one request of a page in a browser",
  description:
    "An EventSource and a WebSocket cannot send a key. A ticket in their URL's query stands for it: for 30 s, for one use, for this method, path and query only. The page gets it from a program that has the key. An EventSource that comes back with the last event of the run that its ticket began is let in again.",
  auth: "member",
  idempotency: "idempotent",
  params: z.object({}),
  query: z.object({}),
  body: ticketCreate,
  bodyExample: { path: "/v1/alice/deploy?branch=main" },
  answers: {
    201: {
      description: "The ticket.",
      schema: ticketCreated,
      example: { ticket: "tk-0c3n5yq1r9s8t7u6v5w4x3y2z", expires_at: "2026-11-01T10:00:30.000Z" },
    },
  },
  errors: ["invalid_request", "quota_exceeded"],
});

import { z } from "zod";
import { callStreamExample, runExample } from "../endpoint-examples.ts";
import { defineOperation } from "../operation.ts";
import { outputPage, outputQuery } from "../schemas/command.ts";
import { run, runIdParam, runList, runListQuery, runWithOutput, streamRunQuery } from "../schemas/run.ts";

const tag = "Runs";
const none = z.object({});
const params = z.object({ id: runIdParam });

export const listRuns = defineOperation({
  id: "listRuns",
  method: "GET",
  path: "/v1/runs",
  tag,
  summary: "List runs of the team's endpoints, newest first",
  auth: "member",
  idempotency: "safe",
  params: none,
  query: runListQuery,
  body: null,
  answers: { 200: { description: "A page.", schema: runList, example: { items: [runExample], next_cursor: null } } },
  errors: ["invalid_request", "unavailable"],
});

export const getRun = defineOperation({
  id: "getRun",
  method: "GET",
  path: "/v1/runs/{id}",
  tag,
  summary: "Get a run with the head of its output",
  auth: "member",
  idempotency: "safe",
  params,
  query: none,
  body: null,
  answers: {
    200: {
      description: "The run, and at most 64 KiB of what it has printed so far.",
      schema: runWithOutput,
      example: { ...runExample, output: "Building project...\n", output_encoding: "utf-8", output_truncated: false },
    },
  },
  errors: ["not_found", "unavailable"],
});

export const streamRun = defineOperation({
  id: "streamRun",
  method: "GET",
  path: "/v1/runs/{id}/stream",
  tag,
  summary: "Follow a run as Server-Sent Events",
  description:
    "The same events as its call: from the beginning, or after the one that `Last-Event-ID` names. 204 when that was the last, which makes an EventSource stop.",
  auth: "member",
  takesTicket: true,
  idempotency: "safe",
  params,
  query: streamRunQuery,
  body: null,
  answers: {
    200: { description: "Events, until the run ends.", schema: z.string(), contentType: "text/event-stream", example: callStreamExample },
    204: { description: "Everything was delivered.", schema: null },
  },
  errors: ["invalid_request", "not_found", "unavailable", "shutting_down"],
});

export const getRunOutput = defineOperation({
  id: "getRunOutput",
  method: "GET",
  path: "/v1/runs/{id}/output",
  tag,
  summary: "Read what a run has printed, by offset",
  description:
    "JSON, or with `Accept: application/octet-stream` the bytes themselves, with the same facts in `X-Output-From`, `X-Output-Total`, `X-Output-Gap-Bytes` and `X-Output-Ended`. What is not kept any more is counted in `gap_bytes`; an answer ends before what is missing further on.",
  auth: "member",
  idempotency: "safe",
  params,
  query: outputQuery,
  body: null,
  answers: {
    200: {
      description: "A range of the stream.",
      schema: outputPage,
      example: { data: "Building project...\n", encoding: "utf-8", from: 0, next: 20, gap_bytes: 0, total: 20, ended: false },
    },
  },
  errors: ["invalid_request", "invalid_offset", "not_found", "unavailable"],
});

export const cancelRun = defineOperation({
  id: "cancelRun",
  method: "DELETE",
  path: "/v1/runs/{id}",
  tag,
  summary: "Cancel a run: kill its process tree, or take it out of the queue",
  description: "A run that has ended stays as it is.",
  auth: "member",
  idempotency: "idempotent",
  params,
  query: none,
  body: null,
  answers: { 200: { description: "The run.", schema: run, example: runExample } },
  errors: ["not_found", "agent_error", "unavailable"],
});

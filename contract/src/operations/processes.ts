import { z } from "zod";
import { capsuleIdParam, selectorParam } from "../ids.ts";
import { defineOperation } from "../operation.ts";
import { attachQuery, killQuery, outputPage, outputQuery, processList } from "../schemas/command.ts";
import { processFacts } from "../schemas/process.ts";
import { attachExample, processExample } from "../examples.ts";
import { clientMessage, serverMessage } from "../streams.ts";

const tag = "Processes";
const params = z.object({ id: capsuleIdParam });
const selected = z.object({ id: capsuleIdParam, selector: selectorParam });

export const listProcesses = defineOperation({
  id: "listProcesses",
  method: "GET",
  path: "/v1/capsules/{id}/processes",
  tag,
  summary: "List every process in the capsule",
  auth: "member",
  idempotency: "safe",
  params,
  query: z.object({}),
  body: null,
  answers: {
    200: {
      description: "All but the agent's own.",
      schema: processList,
      example: {
        processes: [
          {
            pid: 42,
            tag: "bg-a1b2c3d4",
            cmd: "python",
            args: ["-u", "server.py"],
            id: "pr-0c3n5yq1r9s8t7u6v5w4x3y2z",
            ppid: 1,
            started_at: "2026-11-01T10:00:05.000Z",
          },
        ],
      },
    },
  },
  errors: ["not_found", "invalid_state", "agent_error", "unavailable"],
});

export const killProcess = defineOperation({
  id: "killProcess",
  method: "DELETE",
  path: "/v1/capsules/{id}/processes/{selector}",
  tag,
  summary: "Signal a process and its whole tree",
  auth: "member",
  idempotency: "with_key",
  params: selected,
  query: killQuery,
  body: null,
  answers: { 204: { description: "The signal was delivered.", schema: null } },
  errors: ["invalid_request", "not_found", "invalid_state", "agent_error", "unavailable"],
});

export const streamProcess = defineOperation({
  id: "streamProcess",
  method: "GET",
  path: "/v1/capsules/{id}/processes/{selector}/stream",
  tag,
  summary: "Attach to a process over a WebSocket",
  auth: "member",
  takesTicket: true,
  idempotency: "safe",
  params: selected,
  query: attachQuery,
  body: null,
  answers: { 101: { description: "Attached: `start`, then output from `from` onwards, then `exit`.", schema: null } },
  errors: [
    "invalid_request",
    "invalid_offset",
    "not_found",
    "invalid_state",
    "upgrade_required",
    "agent_error",
    "unavailable",
    "shutting_down",
  ],
  socket: { first: null, client: clientMessage, server: serverMessage, example: attachExample },
});

export const getProcess = defineOperation({
  id: "getProcess",
  method: "GET",
  path: "/v1/capsules/{id}/processes/{selector}",
  tag,
  summary: "Get a process that runs or has ended, with the facts of its end",
  description:
    "Also while the capsule is paused. Ends are remembered for 7 days, also after the capsule was destroyed. A plain foreground command is remembered for a short time only, unless it ended abnormally.",
  auth: "member",
  idempotency: "safe",
  params: selected,
  query: z.object({}),
  body: null,
  answers: { 200: { description: "The process.", schema: processFacts, example: processExample } },
  errors: ["not_found", "agent_error", "unavailable"],
});

export const getProcessOutput = defineOperation({
  id: "getProcessOutput",
  method: "GET",
  path: "/v1/capsules/{id}/processes/{selector}/output",
  tag,
  summary: "Read what a process has printed, by offset",
  description:
    "JSON, or with `Accept: application/octet-stream` the bytes themselves, with the same facts in `X-Output-From`, `X-Output-Total`, `X-Output-Gap-Bytes` and `X-Output-Ended`. Also while the capsule is paused, and after the process's end for as long as its output is kept. A stopped capsule's output can be read again once it is started.",
  auth: "member",
  idempotency: "safe",
  params: selected,
  query: outputQuery,
  body: null,
  answers: {
    200: {
      description: "A range of the stream.",
      schema: outputPage,
      example: { data: "step 1 complete\n", encoding: "utf-8", from: 0, next: 16, gap_bytes: 0, total: 16, ended: false },
    },
  },
  errors: ["invalid_request", "invalid_offset", "not_found", "invalid_state", "result_expired", "agent_error", "unavailable"],
});

import { z } from "zod";
import { capsuleIdParam, selectorParam } from "../ids.ts";
import { defineOperation } from "../operation.ts";
import { attachQuery, killQuery, processList } from "../schemas/command.ts";
import { attachExample } from "../examples.ts";
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
  idempotency: "none",
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

import { z } from "zod";
import { capsuleIdParam } from "../ids.ts";
import { defineOperation } from "../operation.ts";
import { execRequest, execResult, execStarted } from "../schemas/command.ts";
import { execExample, execStreamExample } from "../examples.ts";
import { clientMessage, serverMessage, startMessage } from "../streams.ts";

const tag = "Exec";
const loose = z.object({});
const params = z.object({ id: capsuleIdParam });

export const exec = defineOperation({
  id: "exec",
  method: "POST",
  path: "/v1/capsules/{id}/exec",
  tag,
  summary: "Run a command: wait for its end, or leave it in the background",
  description:
    "A non-zero exit is a 200. A program that cannot be found is a 200 with exit code 127, one that cannot be executed 126. A timeout (30 s by default; 0 is none) kills the process tree and answers 504 with the output so far in `details`. When the client of a foreground command goes, its process tree is killed. With an `Idempotency-Key` it runs on instead, and a repeat gets the same answer, read from its journal; where that is not kept any more, 410.",
  auth: "member",
  idempotency: "with_key",
  params,
  query: loose,
  body: execRequest,
  bodyExample: { cmd: "echo", args: ["hello"], timeout: 30 },
  answers: {
    200: { description: "It has ended (or could not start).", schema: execResult, example: execExample },
    202: {
      description: "It runs in the background.",
      schema: execStarted,
      example: { pid: 42, tag: "bg-a1b2c3d4", id: "pr-0c3n5yq1r9s8t7u6v5w4x3y2z" },
    },
  },
  errors: [
    "invalid_request",
    "not_found",
    "invalid_state",
    "tag_in_use",
    "result_expired",
    "too_large",
    "timeout",
    "process_limit",
    "agent_error",
    "unavailable",
    "shutting_down",
  ],
});

export const execStream = defineOperation({
  id: "execStream",
  method: "GET",
  path: "/v1/capsules/{id}/exec/stream",
  tag,
  summary: "Run a command over a WebSocket, its output as it is produced",
  auth: "member",
  takesTicket: true,
  idempotency: "with_key",
  params,
  query: loose,
  body: null,
  answers: { 101: { description: "The socket is open; send `start` within 10 s.", schema: null } },
  errors: ["not_found", "invalid_state", "upgrade_required", "unavailable", "shutting_down"],
  socket: { first: startMessage, client: clientMessage, server: serverMessage, example: execStreamExample },
});

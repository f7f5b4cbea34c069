import { z } from "zod";
import { capsuleIdParam } from "../ids.ts";
import { defineOperation } from "../operation.ts";
import { terminalExample } from "../examples.ts";
import { terminalClientMessage, terminalFirst, terminalServerMessage } from "../terminals.ts";

export const openTerminal = defineOperation({
  id: "openTerminal",
  method: "GET",
  path: "/v1/capsules/{id}/pty",
  tag: "Terminals",
  summary: "Open a terminal over a WebSocket, or connect to one that is there",
  description:
    "A terminal outlives its sockets and the server: connect to it again by its tag. Any number of viewers may share one; each may type, and the latest size wins. Input waits for a program that does not read, nothing is dropped: a socket with too much of it is not read until there is room.",
  auth: "member",
  takesTicket: true,
  idempotency: "safe",
  params: z.object({ id: capsuleIdParam }),
  query: z.object({}),
  body: null,
  answers: { 101: { description: "The socket is open; send `start` or `connect` within 10 s.", schema: null } },
  errors: ["not_found", "invalid_state", "upgrade_required", "unavailable", "shutting_down"],
  socket: { first: terminalFirst, client: terminalClientMessage, server: terminalServerMessage, example: terminalExample },
});

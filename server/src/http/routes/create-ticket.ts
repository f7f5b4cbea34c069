import { invalid } from "../../core/fail.ts";
import { json } from "../answer.ts";
import { timestamp } from "../render/time.ts";
import { requestPath } from "../request-target.ts";
import { route } from "../route.ts";

export const createTicket = route("createTicket", ({ caller, body }, { tickets, takesTicket }) => {
  const path = requestPath(body.path);
  if (!takesTicket(body.method, path)) throw invalid("path", "is no stream, socket or call that takes a ticket by this method");
  const { text, expiresAt } = tickets.issue(caller, `${body.method} ${path}`);
  return json(201, { ticket: text, expires_at: timestamp(expiresAt) });
});

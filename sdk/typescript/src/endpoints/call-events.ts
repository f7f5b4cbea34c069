import type { CallEvent } from "../contract/schemas.ts";
import { StreamError } from "../errors.ts";
import { parsed } from "../transport/answer.ts";
import { textIn } from "../transport/reconnecting.ts";
import type { ServerEvent } from "../transport/sse.ts";

/** An event of a call's stream. */
export function callEventOf({ data }: ServerEvent): CallEvent {
  const value = parsed(data);
  if (textIn(value, "type") === undefined) throw new StreamError("bad_message", `the server sent what is no event: ${data.slice(0, 200)}`);
  return value as CallEvent; // the contract's form of such an event
}

/** Whether a call's stream ends with it. */
export function isLastCallEvent({ data }: ServerEvent): boolean {
  const type = textIn(parsed(data), "type");
  return type === "done" || type === "error";
}

import { callEvent } from "@capsuled/contract";
import type { z } from "zod";

/** One event of a call as a client has it. */
export interface CallEventSeen {
  readonly id: string;
  readonly event: z.output<typeof callEvent>;
}

/** Reads whole events out of a stream's text; comments, retries and bare ids are left out. */
export function callEventsIn(text: string): readonly CallEventSeen[] {
  return text.split("\n\n").flatMap((block) => {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    const id = /^id: (.*)$/m.exec(block)?.[1] ?? "";
    return data === undefined ? [] : [{ id, event: callEvent.parse(JSON.parse(data)) }];
  });
}

export async function callEventsOf(response: Response): Promise<readonly CallEventSeen[]> {
  return callEventsIn(await response.text());
}

/** An event in few words. */
export function inShort({ event }: CallEventSeen): string {
  switch (event.type) {
    case "output":
      return `${event.stream === "stdout" ? "" : "stderr "}${event.data}`;
    case "transformed_output":
      return `transformed ${JSON.stringify(event.data)}`;
    case "gap":
      return `gap ${event.stdout_bytes} ${event.stderr_bytes}`;
    case "done":
      return `done ${event.exit_code}`;
    case "error":
      return `error ${event.error}`;
  }
}

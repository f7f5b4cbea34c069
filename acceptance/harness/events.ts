import type { eventPage, eventSchema } from "@capsuled/contract";
import type { z } from "zod";
import { expectCall } from "./call.ts";

export type Event = z.output<typeof eventSchema>;

/** Every event of a team so far, oldest first; of one capsule where that is given. */
export async function allEvents(key?: string, capsule?: string): Promise<readonly Event[]> {
  const found: Event[] = [];
  const fixed = { order: "asc", limit: "1000", ...(capsule !== undefined && { capsule }) };
  for (let query: Readonly<Record<string, string>> | null = fixed; query !== null;) {
    const page: z.output<typeof eventPage> = await expectCall("listEvents", 200, { ...(key !== undefined && { key }), query });
    found.push(...page.items);
    query = page.next_cursor === null ? null : { ...fixed, cursor: page.next_cursor };
  }
  return found;
}

/** The reasons and types of a capsule's life, in order, e.g. `capsule.stopped host_restarted`. */
export function lifeOf(events: readonly Event[]): readonly string[] {
  return events.map((event) => ("reason" in event.data ? `${event.type} ${event.data.reason}` : event.type));
}

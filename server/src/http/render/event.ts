import type { eventSchema } from "@capsuled/contract";
import type { z } from "zod";
import type { EventRecord } from "../../core/event/record.ts";
import { timestamp } from "./time.ts";

/** An event as callers see it. */
export function renderEvent(event: EventRecord): z.output<typeof eventSchema> {
  const head = { id: event.id, time: timestamp(event.at), capsule_id: event.capsuleId, process_id: event.processId, actor: event.actor };
  // Type and data belong together in the record, which the compiler cannot carry through a spread of the union.
  return { ...head, type: event.type, data: event.data } as z.output<typeof eventSchema>;
}

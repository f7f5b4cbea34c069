import type { EventType } from "@capsuled/contract";
import type { EventRecord } from "../../core/event/record.ts";
import { timestamp } from "./time.ts";

/** What the documented client calls an event: an act of somebody's, or a state that a capsule has come to. */
const NAMES: Readonly<Partial<Record<EventType, string>>> = {
  "capsule.created": "capsule.create",
  "capsule.paused": "capsule.pause",
  "capsule.resumed": "capsule.resume",
  "capsule.destroyed": "capsule.destroy",
  "capsule.running": "capsule.state.changed",
  "capsule.stopped": "capsule.state.changed",
  "capsule.error": "capsule.state.changed",
};
const CHANGED = "capsule.state.changed";

/** The documented client's fields of an event, beside ours. It refuses names that it does not know, so other events carry none. */
export function documentedEvent({ type, at, capsuleId }: EventRecord): Readonly<Record<string, unknown>> {
  const name = NAMES[type];
  if (name === undefined) return {};
  const resource = { id: capsuleId, type: "sandbox" };
  const how = name === CHANGED ? { metadata: { to: type.slice("capsule.".length) } } : { outcome: "success" };
  return { event: name, resource, timestamp: timestamp(at), ...how };
}

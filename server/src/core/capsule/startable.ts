import type { CapsuleRecord } from "./record.ts";

/** Whether `start` would take it. */
export function isStartable(record: CapsuleRecord): boolean {
  return record.hasDisk && (record.state === "stopped" || record.state === "error");
}

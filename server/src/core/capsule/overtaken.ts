import { stateRefused } from "./change-state.ts";
import type { CapsuleRecord } from "./record.ts";
import type { CapsuleState } from "./state.ts";

const STOPPED: readonly CapsuleState[] = ["stopping", "stopped"];
const DESTROYED: readonly CapsuleState[] = ["destroying", "destroyed"];

/** Whether the capsule's end is under way or over, and somebody wanted it. */
export function isEndedOnRequest(record: CapsuleRecord): boolean {
  return STOPPED.includes(record.state) || DESTROYED.includes(record.state);
}

/** The row after a pause or resume. Throws `invalid_state` where the capsule's end came first: then nothing was done. */
export function unlessEnded(record: CapsuleRecord, wanted: string): CapsuleRecord {
  if (isEndedOnRequest(record) || record.state === "error") throw stateRefused("invalid_state", record, wanted);
  return record;
}

/** The same after a stop or start, which only a destruction can overtake. */
export function unlessDestroyed(record: CapsuleRecord, wanted: string): CapsuleRecord {
  if (DESTROYED.includes(record.state)) throw stateRefused("invalid_state", record, wanted);
  return record;
}

import type { EventType } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import type { EventReader } from "./event-reader.ts";
import type { EventRecord } from "./record.ts";

export interface EventListInput {
  readonly capsule: string | null;
  readonly type: EventType | null;
  /** Only events after this id. */
  readonly since: number | null;
  readonly order: "asc" | "desc";
  readonly limit: number;
  /** The last id of the page before. */
  readonly cursor: number | null;
}

export interface EventStreamInput {
  readonly capsule: string | null;
  readonly type: EventType | null;
  /** An id: everything after it. */
  readonly from: "now" | "start" | number;
}

/** The use cases of events; callers see their own team's only. Every call throws `CapsuledError`. */
export interface EventService {
  list(
    principal: Principal,
    input: EventListInput,
  ): Promise<{ readonly items: readonly EventRecord[]; readonly nextCursor: number | null }>;
  /** Throws `invalid_offset` for a position that no event has had yet, `unavailable` when there are too many readers. The reader must be closed. */
  open(principal: Principal, input: EventStreamInput): Promise<EventReader>;
}

import { fail } from "../fail.ts";
import { EventReader } from "./event-reader.ts";
import type { EventSignal } from "./event-signal.ts";
import type { EventService } from "./service.ts";
import type { EventStore } from "./store.ts";

export interface EventDeps {
  readonly store: EventStore;
  readonly signal: EventSignal;
}

/** The use cases of events over one set of dependencies. */
export function createEventService(deps: EventDeps): EventService {
  return {
    async list(principal, { capsule, type, since, order, limit, cursor }) {
      const isUp = order === "asc";
      const rows = await deps.store.list({
        teamId: principal.teamId,
        capsuleId: capsule,
        type,
        above: Math.max(since ?? 0, isUp ? (cursor ?? 0) : 0),
        below: isUp ? null : cursor,
        order,
        limit: limit + 1,
      });
      const items = rows.slice(0, limit);
      return { items, nextCursor: rows.length > limit ? (items.at(-1)?.id ?? null) : null };
    },

    async open(principal, { capsule, type, from }) {
      const latest = await deps.store.latestId();
      if (typeof from === "number" && from > latest)
        throw fail("invalid_offset", `There is no event ${from} yet.`, { details: { field: "from", latest } });
      const position = from === "now" ? latest : from === "start" ? 0 : from;
      return new EventReader(deps, { teamId: principal.teamId, capsuleId: capsule, type }, position);
    },
  };
}

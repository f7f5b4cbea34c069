import type { EventDraft, EventRecord } from "../core/event/record.ts";
import type { EventFilter, EventListFilter, EventsAfter, EventStore } from "../core/event/store.ts";

/** Events in memory, for tests that are not about the database. */
export class MemoryEventStore implements EventStore {
  events: EventRecord[] = [];
  readonly horizons = new Map<string, number>();
  #latest = 0;

  add(draft: EventDraft): EventRecord {
    this.#latest += 1;
    const event: EventRecord = { ...draft, id: this.#latest };
    this.events.push(event);
    return event;
  }

  /** Forgets a team's events up to an id. */
  forget(teamId: string, to: number): void {
    this.events = this.events.filter((event) => event.teamId !== teamId || event.id > to);
    this.horizons.set(teamId, to);
  }

  async list(filter: EventListFilter): Promise<readonly EventRecord[]> {
    const found = this.#matching(filter).filter(({ id }) => id > filter.above && (filter.below === null || id < filter.below));
    return (filter.order === "asc" ? found : found.toReversed()).slice(0, filter.limit);
  }

  async readAfter(filter: EventFilter, position: number, limit: number): Promise<EventsAfter> {
    const items = this.#matching(filter)
      .filter(({ id }) => id > position)
      .slice(0, limit);
    const last = items.at(-1)?.id ?? position;
    return {
      items,
      horizon: this.horizons.get(filter.teamId) ?? 0,
      position: items.length < limit ? Math.max(last, this.#latest, position) : last,
    };
  }

  async latestId(): Promise<number> {
    return this.#latest;
  }

  async removeOld(): Promise<number> {
    return 0;
  }

  #matching(filter: EventFilter): readonly EventRecord[] {
    return this.events.filter(
      (event) =>
        event.teamId === filter.teamId &&
        (filter.capsuleId === null || event.capsuleId === filter.capsuleId) &&
        (filter.type === null || event.type === filter.type),
    );
  }
}

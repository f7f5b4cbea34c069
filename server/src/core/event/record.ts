import type { Actor, EventData, EventType } from "@capsuled/contract";

interface EventHead {
  readonly teamId: string;
  readonly capsuleId: string;
  readonly processId: string | null;
  readonly actor: Actor;
  /** Unix milliseconds. */
  readonly at: number;
}

/** An event that is about to be stored; its id is given in the transaction that stores it. */
export type EventDraft = { readonly [T in EventType]: EventHead & { readonly type: T; readonly data: EventData<T> } }[EventType];

/** A stored event. Ids go up in the order in which events become visible, over all teams. */
export type EventRecord = EventDraft & { readonly id: number };

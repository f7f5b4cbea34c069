import { fail } from "../fail.ts";

/** Runs of one endpoint that wait for their turn at most. */
export const QUEUE_MAX = 100;
/** Seconds that `Retry-After` says at least and at most. */
const RETRY_SEC_MIN = 1;
const RETRY_SEC_MAX = 60;

interface Lane {
  active: number;
  max: number;
  readonly waiting: Ticket[];
  /** Milliseconds that a turn took lately; 0 before the first. */
  typicalMs: number;
}

/** A place in the queue. */
export interface Ticket {
  readonly endpointId: string;
  /** Its turn has come: the slot is its own until `leave`. */
  readonly go: () => void;
}

/** How many runs an endpoint has at once, and who waits, first come first served. */
export class RunQueue {
  readonly #lanes = new Map<string, Lane>();

  /**
   * Takes a slot (`true`), or a place behind those who wait (`false`; `go` is called when its turn comes). `isOwed`: a run that was
   * accepted before takes its place however long the queue is. Throws `queue_full`.
   */
  enter(ticket: Ticket, max: number, isOwed = false): boolean {
    const lane = this.#lanes.get(ticket.endpointId) ?? { active: 0, max, waiting: [], typicalMs: 0 };
    lane.max = max;
    if (lane.active < max && lane.waiting.length === 0) {
      lane.active += 1;
      this.#lanes.set(ticket.endpointId, lane);
      return true;
    }
    if (lane.waiting.length >= QUEUE_MAX && !isOwed) throw queueFull(lane);
    lane.waiting.push(ticket);
    return false;
  }

  /** Takes a slot whatever the bound says: for a run that is under way already. */
  resume(endpointId: string, max: number): void {
    const lane = this.#lanes.get(endpointId) ?? { active: 0, max, waiting: [], typicalMs: 0 };
    lane.active += 1;
    this.#lanes.set(endpointId, lane);
  }

  /** Gives up the place in the queue; `false` when its turn had come. */
  withdraw(ticket: Ticket): boolean {
    const waiting = this.#lanes.get(ticket.endpointId)?.waiting;
    const at = waiting?.indexOf(ticket) ?? -1;
    if (at === -1) return false;
    waiting?.splice(at, 1);
    return true;
  }

  /** Gives the slot to the next one. */
  leave(endpointId: string, tookMs: number): void {
    const lane = this.#lanes.get(endpointId);
    if (lane === undefined) return;
    lane.active -= 1;
    lane.typicalMs = lane.typicalMs === 0 ? tookMs : lane.typicalMs * 0.8 + tookMs * 0.2;
    while (lane.active < lane.max) {
      const next = lane.waiting.shift();
      if (next === undefined) break;
      lane.active += 1;
      next.go();
    }
    if (lane.active === 0 && lane.waiting.length === 0) this.#lanes.delete(endpointId);
  }

  waiting(endpointId: string): number {
    return this.#lanes.get(endpointId)?.waiting.length ?? 0;
  }

  active(endpointId: string): number {
    return this.#lanes.get(endpointId)?.active ?? 0;
  }
}

function queueFull(lane: Lane): Error {
  const turnMs = lane.typicalMs === 0 ? 1000 : lane.typicalMs;
  const seconds = Math.ceil((turnMs * lane.waiting.length) / lane.max / 1000);
  const retryAfter = Math.min(RETRY_SEC_MAX, Math.max(RETRY_SEC_MIN, seconds));
  return fail("queue_full", `The endpoint has ${lane.active} runs under way and ${lane.waiting.length} that wait.`, {
    details: { retry_after: retryAfter, running: lane.active, waiting: lane.waiting.length },
  });
}

import { Turn } from "./turn.ts";

/**
 * Collects "this was used at that time" between two ticks, so that a request costs a map entry and not a database write.
 * Only the latest time of an id is kept.
 */
export interface ActivityBuffer {
  note(id: string, at: number): void;
  /** Hands what was collected to `flush`, `batchMax` ids at a time; returns how many. Keeps what could not be flushed and rethrows. */
  tick(): Promise<number>;
  /** Ids that wait. */
  readonly size: number;
  /** Notes lost so far because `entriesMax` ids waited already. */
  readonly dropped: number;
}

export interface ActivityBufferOptions {
  /** Ids that wait at most; notes of further ones are dropped until the next tick. */
  readonly entriesMax: number;
  readonly batchMax: number;
  readonly flush: (entries: readonly { readonly id: string; readonly at: number }[]) => Promise<void>;
}

export function createActivityBuffer(options: ActivityBufferOptions): ActivityBuffer {
  const latest = new Map<string, number>();
  let dropped = 0;
  const ticking = new Turn<number>();

  function note(id: string, at: number): void {
    const known = latest.get(id);
    if (known !== undefined) {
      if (at > known) latest.set(id, at);
    } else if (latest.size < options.entriesMax) {
      latest.set(id, at);
    } else {
      dropped += 1;
    }
  }

  async function flushAll(): Promise<number> {
    let flushed = 0;
    let left = latest.size;
    while (left > 0) {
      const batch: { readonly id: string; readonly at: number }[] = [];
      for (const [id, at] of latest) {
        if (batch.length === options.batchMax || batch.length === left) break;
        batch.push({ id, at });
      }
      for (const entry of batch) latest.delete(entry.id);
      left -= batch.length;
      try {
        await options.flush(batch);
      } catch (error) {
        for (const entry of batch) note(entry.id, entry.at);
        throw error;
      }
      flushed += batch.length;
    }
    return flushed;
  }

  return {
    note,
    tick: () => ticking.join(flushAll),
    get size() {
      return latest.size;
    },
    get dropped() {
      return dropped;
    },
  };
}

/** Something that waits for its turn. */
export interface Queued {
  /** Whose turn it takes: a team's id. */
  readonly lane: string;
  /** What it holds in memory meanwhile. */
  readonly bytes: number;
}

export interface QueueBounds {
  /** Entries that wait, of all lanes and of one. */
  readonly entriesMax: number;
  readonly laneEntriesMax: number;
  /** Bytes that they hold, of all lanes and of one. */
  readonly bytesMax: number;
  readonly laneBytesMax: number;
}

interface Lane<T> {
  readonly entries: Set<T>;
  bytes: number;
}

/** Lanes of which the last turn is remembered. */
const REMEMBERED_MAX = 1000;

/** Who waits, in fair turns: the lane goes first that has had no turn for longest, however many of its own it has. */
export class TurnQueue<T extends Queued> {
  readonly #bounds: QueueBounds;
  readonly #lanes = new Map<string, Lane<T>>();
  /** When each lane had its last turn, counted in turns. */
  readonly #lastTurns = new Map<string, number>();
  #turns = 0;
  #entries = 0;
  #bytes = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#entries;
  }

  /** `false` where a bound has no room for it. */
  add(entry: T): boolean {
    const { entriesMax, laneEntriesMax, bytesMax, laneBytesMax } = this.#bounds;
    const lane = this.#lanes.get(entry.lane) ?? { entries: new Set(), bytes: 0 };
    if (this.#entries >= entriesMax || lane.entries.size >= laneEntriesMax) return false;
    if (this.#bytes + entry.bytes > bytesMax || lane.bytes + entry.bytes > laneBytesMax) return false;
    lane.entries.add(entry);
    lane.bytes += entry.bytes;
    this.#entries += 1;
    this.#bytes += entry.bytes;
    this.#lanes.set(entry.lane, lane);
    return true;
  }

  remove(entry: T): void {
    const lane = this.#lanes.get(entry.lane);
    if (lane === undefined || !lane.entries.delete(entry)) return;
    lane.bytes -= entry.bytes;
    this.#entries -= 1;
    this.#bytes -= entry.bytes;
    if (lane.entries.size === 0) this.#lanes.delete(entry.lane);
  }

  /** Takes the first entry of the lane whose turn it is, of those that may go. */
  next(mayGo: (lane: string) => boolean): T | undefined {
    let chosen: { readonly entry: T; readonly lastTurn: number } | undefined;
    for (const [name, { entries }] of this.#lanes) {
      const [entry] = entries;
      const lastTurn = this.#lastTurns.get(name) ?? 0;
      if (entry === undefined || (chosen !== undefined && lastTurn >= chosen.lastTurn) || !mayGo(name)) continue;
      chosen = { entry, lastTurn };
    }
    if (chosen === undefined) return undefined;
    this.remove(chosen.entry);
    if (this.#lastTurns.size >= REMEMBERED_MAX) this.#lastTurns.clear();
    this.#lastTurns.set(chosen.entry.lane, (this.#turns += 1));
    return chosen.entry;
  }

  /** All that wait. */
  entries(): readonly T[] {
    return [...this.#lanes.values()].flatMap(({ entries }) => [...entries]);
  }
}

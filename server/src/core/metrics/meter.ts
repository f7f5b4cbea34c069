import { PUBLIC_STATUS } from "../capsule/machine.ts";
import type { CapsuleRecord } from "../capsule/record.ts";
import type { Clock, SteadyClock } from "../ports/clock.ts";
import type { Day } from "./day.ts";
import { cutIntoDays, dayOf } from "./day.ts";
import type { DayUsage, Mark, UsageStore } from "./store.ts";

/** Milliseconds between two counts: what a server that is killed loses at most, and only of capsules that end in between. */
export const COUNT_MS = 10_000;
/** Days for which a team's sums are kept, today included. */
export const KEPT_DAYS = 366;

/** A capsule that runs. */
interface Running {
  readonly record: CapsuleRecord;
  /** Up to when its time is counted, by the steady clock. */
  since: number;
}

/** Sums on their way to the store. */
interface Batch {
  from: Mark | null;
  readonly to: Mark;
  readonly sums: readonly DayUsage[];
}

export interface MeterDeps {
  readonly store: UsageStore;
  readonly hostId: string;
  readonly clock: Clock;
  readonly steady: SteadyClock;
}

/**
 * Counts the time that capsules run, by teams and days. How long is told by the steady clock, and the day by the clock on the wall, so that
 * setting that one changes no sum. What is counted lies in memory until the next `count`, which stores it together with the mark up to
 * which it goes: a capsule that outlives its server is counted on from the mark.
 */
export class UsageMeter {
  readonly #deps: MeterDeps;
  readonly #running = new Map<string, Running>();
  #pending = new Map<string, DayUsage>();
  #batch: Batch | null = null;
  /** The mark in the store. */
  #stored: Mark | null;
  /** Up to when the servers before this one have counted. */
  readonly #inherited: Mark;
  #removedAt: Day | null = null;
  #underWay: Promise<void> = Promise.resolve();

  private constructor(deps: MeterDeps, mark: Mark) {
    this.#deps = deps;
    this.#stored = mark;
    this.#inherited = mark;
  }

  /** The first server of a host begins to count now, and says so, for those that come after it. */
  static async open(deps: MeterDeps): Promise<UsageMeter> {
    const now = { steadyMs: deps.steady.ms(), at: deps.clock.now() };
    const mark = (await deps.store.mark(deps.hostId)) ?? (await deps.store.add(deps.hostId, null, now, []));
    return new UsageMeter(deps, mark ?? now);
  }

  /** Takes note of a capsule's newer row, or (`null`) that this server no longer holds it; `isAdopted` is one that an earlier server had. */
  note(id: string, record: CapsuleRecord | null, isAdopted = false): void {
    const runs = record !== null && PUBLIC_STATUS[record.state] === "running";
    const known = this.#running.get(id);
    const now = this.#deps.steady.ms();
    if (runs && known === undefined)
      this.#running.set(id, { record, since: isAdopted ? Math.min(now, this.#uncountedSince(record)) : now });
    if (runs || known === undefined) return;
    this.#sum(known, now);
    this.#running.delete(id);
  }

  /** Stores what has been counted up to now, after a count that is under way. What cannot be stored is kept for the next time. */
  count(): Promise<void> {
    const own = this.#underWay.then(() => this.#count());
    this.#underWay = own.catch(() => {});
    return own;
  }

  async #count(): Promise<void> {
    const { store } = this.#deps;
    if (this.#batch !== null) await this.#send(this.#batch);
    if (this.#batch !== null) return;
    const batch = this.#collect();
    if (batch !== null) await this.#send(batch);
    const today = dayOf(this.#deps.clock.now());
    if (this.#removedAt === today) return;
    while ((await store.removeOldest(today - KEPT_DAYS + 1)) > 0);
    this.#removedAt = today;
  }

  /**
   * Since when a capsule of an earlier server has run without being counted: since that one's last count, or since the capsule began to run
   * after it. Both were told by the same clock; it may have been set since.
   */
  #uncountedSince({ startedAt, stateChangedAt }: CapsuleRecord): number {
    const { steadyMs, at } = this.#inherited;
    return steadyMs + Math.max(0, (startedAt ?? stateChangedAt) - at);
  }

  #sum(running: Running, now: number): void {
    const { record, since } = running;
    running.since = Math.max(since, now);
    for (const { day, ms } of cutIntoDays(this.#deps.clock.now(), now - since)) {
      const key = `${record.teamId} ${day}`;
      const before = this.#pending.get(key);
      this.#pending.set(key, {
        teamId: record.teamId,
        day,
        capsuleMs: (before?.capsuleMs ?? 0) + ms,
        vcpuMs: (before?.vcpuMs ?? 0) + ms * record.vcpus,
        memoryMbMs: (before?.memoryMbMs ?? 0) + ms * record.memoryMb,
      });
    }
  }

  #collect(): Batch | null {
    const to = { steadyMs: this.#deps.steady.ms(), at: this.#deps.clock.now() };
    for (const running of this.#running.values()) this.#sum(running, to.steadyMs);
    if (this.#pending.size === 0 || to.steadyMs === this.#stored?.steadyMs) return null;
    this.#batch = { from: this.#stored, to, sums: [...this.#pending.values()] };
    this.#pending = new Map();
    return this.#batch;
  }

  async #send(batch: Batch): Promise<void> {
    const mark = await this.#deps.store.add(this.#deps.hostId, batch.from, batch.to, batch.sums);
    this.#stored = mark;
    if (mark?.steadyMs === batch.to.steadyMs) this.#batch = null;
    else batch.from = mark;
  }
}

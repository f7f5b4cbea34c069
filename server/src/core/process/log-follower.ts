import type { Actor, MemoryEvidence } from "@capsuled/contract";
import { StoreUnavailableError } from "../capsule/store.ts";
import { AgentRefusal } from "../ports/agent-link.ts";
import type { AgentLink, LogEntry, LogFeed } from "../ports/agent-link.ts";
import type { Handle } from "../ports/driver.ts";
import type { Log } from "../ports/log.ts";
import { toImported } from "./imported-entry.ts";
import type { ImportedEntry, ProcessStore } from "./store.ts";
import { Turn } from "../../lib/turn.ts";

/** Entries of one batch at most, and milliseconds that the first one of a batch waits for others. */
export const BATCH_ENTRIES_MAX = 256;
export const BATCH_MS = 20;
/** Milliseconds until a log that broke off, or a batch that could not be stored, is tried again; doubled up to the second. */
const RETRY_MS_MIN = 250;
export const RETRY_MS_MAX = 30_000;

/** One capsule's machine whose log is followed. */
export interface FollowedMachine {
  readonly capsuleId: string;
  readonly teamId: string;
  readonly handle: Handle;
  readonly link: Pick<AgentLink, "log">;
  /** The entry to begin with. */
  readonly cursor: number;
  /** Who asked for the capsule's own end, when that is under way. */
  readonly asker: () => Actor | null;
  /** What the capsule's memory is like. */
  readonly evidence: () => Promise<MemoryEvidence | null>;
}

export interface FollowerDeps {
  readonly processes: ProcessStore;
  readonly log: Log;
}

interface Numbered {
  readonly n: number;
  readonly entry: ImportedEntry;
}

/** Brings an agent's log of processes into the store, batch by batch, in order; what could not be stored is tried again. */
export class LogFollower {
  readonly #deps: FollowerDeps;
  readonly #machine: FollowedMachine;
  #feed: LogFeed | null = null;
  /** The entry to ask for next, and what came and is not stored yet. */
  #next: number;
  #waiting: LogEntry[] = [];
  #timer: NodeJS.Timeout | null = null;
  /** Until a log that broke off is read on. */
  #retry: NodeJS.Timeout | null = null;
  #retryMs = RETRY_MS_MIN;
  /** One batch at a time; a call while one is under way waits for that one. */
  readonly #storing = new Turn();
  #closed = false;

  constructor(deps: FollowerDeps, machine: FollowedMachine) {
    this.#deps = deps;
    this.#machine = machine;
    this.#next = machine.cursor;
  }

  /** Follows the log until `finish` or `close`. */
  begin(): void {
    if (this.#closed) return;
    const feed = this.#machine.link.log(this.#next, true, (entry) => this.#take(entry));
    this.#feed = feed;
    feed.done.then(
      () => this.#again(feed, null),
      (error: unknown) => this.#again(feed, error),
    );
  }

  /** Stores what has come so far. Throws `StoreUnavailableError`. */
  async settle(): Promise<void> {
    while (this.#waiting.length > 0 || this.#storing.isUnderWay) await this.#store();
  }

  /** Reads and stores the rest of the log, and follows it no more. Throws when agent or store fail. */
  async finish(): Promise<void> {
    this.#stopFollowing();
    await this.settle();
    const feed = this.#machine.link.log(this.#next, false, (entry) => this.#take(entry));
    this.#feed = feed;
    try {
      await feed.done;
      await this.settle();
    } finally {
      this.close();
    }
  }

  /** Follows it no more; a batch that is being stored goes on. */
  close(): void {
    this.#closed = true;
    this.#stopFollowing();
  }

  #stopFollowing(): void {
    this.#feed?.close();
    this.#feed = null;
    this.#clearTimer();
    if (this.#retry !== null) clearTimeout(this.#retry);
    this.#retry = null;
  }

  #take(entry: LogEntry): void {
    if (entry.n < this.#next) return;
    this.#next = entry.n + 1;
    this.#waiting.push(entry);
    if (this.#waiting.length >= BATCH_ENTRIES_MAX) {
      this.#feed?.pause();
      this.#clearTimer();
      this.#storeSoon(0);
    } else this.#storeSoon(BATCH_MS);
  }

  #storeSoon(ms: number): void {
    if (this.#timer !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#store().catch((error: unknown) => {
        this.#deps.log.warn(
          { capsuleId: this.#machine.capsuleId, error },
          "entries of a capsule's log could not be stored; they are tried again",
        );
        if (!this.#closed) this.#storeSoon(this.#backOff());
      });
    }, ms);
  }

  #clearTimer(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #store(): Promise<void> {
    return this.#storing.join(() => this.#storeBatch());
  }

  async #storeBatch(): Promise<void> {
    const batch = this.#waiting.slice(0, BATCH_ENTRIES_MAX);
    if (batch.length === 0) return;
    const numbered: Numbered[] = [];
    for (const entry of batch) numbered.push({ n: entry.n, entry: await toImported(entry, this.#machine) });
    const isOurs = await this.#import(numbered);
    this.#waiting.splice(0, batch.length);
    this.#retryMs = RETRY_MS_MIN;
    if (!isOurs) {
      this.#waiting = [];
      return this.close();
    }
    if (this.#waiting.length < BATCH_ENTRIES_MAX) this.#feed?.resume();
    if (this.#waiting.length > 0) this.#storeSoon(0);
  }

  /** An entry that no store takes must not stop those after it. The cursor never runs ahead of what is stored. */
  async #import(numbered: readonly Numbered[]): Promise<boolean> {
    const { capsuleId, teamId, handle } = this.#machine;
    const { processes, log } = this.#deps;
    const cursor = (numbered.at(-1)?.n ?? 0) + 1;
    try {
      return await processes.importLog({ capsuleId, teamId, handle, entries: numbered.map(({ entry }) => entry), cursor });
    } catch (error) {
      if (error instanceof StoreUnavailableError) throw error;
      if (numbered.length <= 1) {
        log.error({ capsuleId, error }, "an entry of a capsule's log could not be stored and is left out");
        return processes.importLog({ capsuleId, teamId, handle, entries: [], cursor });
      }
      let isOurs = true;
      for (const each of numbered) isOurs = isOurs && (await this.#import([each]));
      return isOurs;
    }
  }

  #again(feed: LogFeed, error: unknown): void {
    if (this.#closed || this.#feed !== feed) return;
    this.#feed = null;
    // The log is shorter than what was read of it: it is another one. What it shares with the old one is known and changes nothing.
    if (error instanceof AgentRefusal && error.code === "invalid_offset") this.#next = 1;
    const afterMs = this.#backOff();
    this.#deps.log.debug({ capsuleId: this.#machine.capsuleId, error, afterMs }, "a capsule's log broke off; it is read on soon");
    this.#retry = setTimeout(() => {
      this.#retry = null;
      this.begin();
    }, afterMs);
    this.#retry.unref();
  }

  #backOff(): number {
    const ms = this.#retryMs;
    this.#retryMs = Math.min(ms * 2, RETRY_MS_MAX);
    return ms;
  }
}

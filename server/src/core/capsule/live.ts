import type { AgentLink } from "../ports/agent-link.ts";
import type { LogFollower } from "../process/log-follower.ts";
import type { RunAs } from "../process/run-as.ts";
import type { TemplateSettings } from "../template/settings.ts";
import type { CapsuleRecord } from "./record.ts";

/** A capsule whose machine this server holds: what the hot path needs, in memory. */
export class LiveCapsule {
  /** The row as last written by this server. */
  record: CapsuleRecord;
  readonly link: AgentLink;
  /** The capsule's own variables, in the clear: never logged, never returned. */
  readonly envs: Readonly<Record<string, string>>;
  /** What its template says about processes; `null` is nothing. */
  readonly settings: TemplateSettings | null;
  /** The same as the capsule itself understands it, once it was asked. */
  runAs: Promise<RunAs> | null = null;
  /** Unix milliseconds of the last activity. */
  lastActiveAt: number;
  /** Brings the agent's log of processes into the store; set once the capsule is held. */
  follower: LogFollower | null = null;
  /** Operations under way that count as activity. */
  busy = 0;
  /** Watches of its files that are open; they do not count as activity. */
  watches = 0;
  readonly #changed = new Set<() => void>();
  readonly #gone = new Set<() => void>();

  constructor(
    record: CapsuleRecord,
    link: AgentLink,
    envs: Readonly<Record<string, string>>,
    settings: TemplateSettings | null,
    lastActiveAt: number,
  ) {
    this.record = record;
    this.link = link;
    this.envs = envs;
    this.settings = settings;
    this.lastActiveAt = lastActiveAt;
  }

  touch(now: number): void {
    if (now > this.lastActiveAt) this.lastActiveAt = now;
  }

  /** Tells each newer row. */
  onChange(listener: () => void): () => void {
    this.#changed.add(listener);
    return () => this.#changed.delete(listener);
  }

  /** Takes note of a newer row. */
  update(record: CapsuleRecord): void {
    this.record = record;
    for (const listener of this.#changed) listener();
  }

  onGone(listener: () => void): () => void {
    this.#gone.add(listener);
    return () => this.#gone.delete(listener);
  }

  /** Closes the link and tells those who wait on this capsule. */
  end(): void {
    this.follower?.close();
    this.link.close();
    for (const listener of this.#gone) listener();
    this.#gone.clear();
  }
}

/** Hears each row as it comes, and `null` when the capsule is no longer held; `isAdopted` with the first row of one that an earlier server had. */
export type LiveWatcher = (id: string, record: CapsuleRecord | null, isAdopted: boolean) => void;

/** The capsules whose machines this server holds (running or paused), by id. */
export class LiveCapsules {
  readonly #byId = new Map<string, LiveCapsule>();
  readonly #watchers = new Set<LiveWatcher>();

  watch(watcher: LiveWatcher): void {
    this.#watchers.add(watcher);
  }

  get(id: string): LiveCapsule | undefined {
    return this.#byId.get(id);
  }

  add(live: LiveCapsule, isAdopted = false): void {
    this.#byId.get(live.record.id)?.end();
    this.#byId.set(live.record.id, live);
    this.#tell(live.record.id, live.record, isAdopted);
  }

  /** Takes note of a newer row. */
  update(record: CapsuleRecord): void {
    const live = this.#byId.get(record.id);
    if (live === undefined || record.version < live.record.version) return;
    live.update(record);
    this.#tell(record.id, record);
  }

  /** Forgets it and ends its link. */
  remove(id: string): void {
    const live = this.#byId.get(id);
    if (live === undefined) return;
    this.#byId.delete(id);
    this.#tell(id, null);
    live.end();
  }

  #tell(id: string, record: CapsuleRecord | null, isAdopted = false): void {
    for (const watcher of this.#watchers) watcher(id, record, isAdopted);
  }

  all(): IterableIterator<LiveCapsule> {
    return this.#byId.values();
  }

  get size(): number {
    return this.#byId.size;
  }
}

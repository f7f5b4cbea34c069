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

/** The capsules whose machines this server holds (running or paused), by id. */
export class LiveCapsules {
  readonly #byId = new Map<string, LiveCapsule>();

  get(id: string): LiveCapsule | undefined {
    return this.#byId.get(id);
  }

  add(live: LiveCapsule): void {
    this.#byId.get(live.record.id)?.end();
    this.#byId.set(live.record.id, live);
  }

  /** Takes note of a newer row. */
  update(record: CapsuleRecord): void {
    const live = this.#byId.get(record.id);
    if (live !== undefined && record.version >= live.record.version) live.update(record);
  }

  /** Forgets it and ends its link. */
  remove(id: string): void {
    const live = this.#byId.get(id);
    if (live === undefined) return;
    this.#byId.delete(id);
    live.end();
  }

  all(): IterableIterator<LiveCapsule> {
    return this.#byId.values();
  }

  get size(): number {
    return this.#byId.size;
  }
}

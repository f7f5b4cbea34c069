import type { EndpointRecord } from "../record.ts";
import type { EndpointChange, EndpointPage, EndpointStore } from "../store.ts";

interface Owner {
  readonly slug: string;
  readonly name: string;
}

/** Endpoints in memory, for tests that are not about the database. */
export class MemoryEndpointStore implements EndpointStore {
  readonly rows = new Map<string, EndpointRecord>();
  /** Teams by id, for `findPublished`. */
  readonly owners = new Map<string, Owner>();
  /** When set, every call fails with it. */
  failure: Error | null = null;
  /** Calls of `findPublished` so far. */
  looks = 0;
  /** Runs before the next `apply`: another server's change. */
  meanwhile: (() => void) | null = null;

  async find(teamId: string, name: string): Promise<EndpointRecord | undefined> {
    this.#check();
    return [...this.rows.values()].find((row) => row.teamId === teamId && row.name === name);
  }

  async findPublished(
    ownerSlug: string,
    name: string,
  ): Promise<{ readonly endpoint: EndpointRecord; readonly ownerName: string } | undefined> {
    this.looks += 1;
    this.#check();
    for (const [teamId, owner] of this.owners) {
      if (owner.slug !== ownerSlug) continue;
      const endpoint = await this.find(teamId, name);
      return endpoint === undefined ? undefined : { endpoint, ownerName: owner.name };
    }
    return undefined;
  }

  async get(id: string): Promise<EndpointRecord | undefined> {
    this.#check();
    return this.rows.get(id);
  }

  async list(teamId: string, limit: number, cursor: string | null): Promise<EndpointPage> {
    this.#check();
    const rest = [...this.rows.values()]
      .filter((row) => row.teamId === teamId && (cursor === null || row.name > cursor))
      .toSorted((left, right) => (left.name < right.name ? -1 : 1));
    const items = rest.slice(0, limit);
    return { items, nextCursor: rest.length > limit ? (items.at(-1)?.name ?? null) : null };
  }

  async count(teamId: string): Promise<number> {
    this.#check();
    return [...this.rows.values()].filter((row) => row.teamId === teamId).length;
  }

  async apply(teamId: string, changes: readonly EndpointChange[]): Promise<boolean> {
    this.#check();
    const { meanwhile } = this;
    this.meanwhile = null;
    meanwhile?.();
    if (!changes.every((change) => this.#fits(teamId, change))) return false;
    for (const change of changes) {
      if (change.kind === "delete") this.rows.delete(change.id);
      else this.rows.set(change.record.id, change.record);
    }
    return true;
  }

  async setSchedulePaused(id: string, paused: boolean, nextRunAt: number | null): Promise<EndpointRecord | undefined> {
    this.#check();
    const row = this.rows.get(id);
    if (row === undefined) return undefined;
    const changed = { ...row, schedulePaused: paused, nextRunAt };
    this.rows.set(id, changed);
    return changed;
  }

  async listDue(now: number, limit: number): Promise<readonly EndpointRecord[]> {
    this.#check();
    return [...this.rows.values()]
      .filter((row) => row.nextRunAt !== null && row.nextRunAt <= now)
      .toSorted((left, right) => (left.nextRunAt ?? 0) - (right.nextRunAt ?? 0))
      .slice(0, limit);
  }

  async claimDue(id: string, dueAt: number, nextRunAt: number | null): Promise<boolean> {
    this.#check();
    const row = this.rows.get(id);
    if (row === undefined || row.nextRunAt !== dueAt) return false;
    this.rows.set(id, { ...row, nextRunAt });
    return true;
  }

  #fits(teamId: string, change: EndpointChange): boolean {
    if (change.kind === "delete") return this.rows.get(change.id)?.version === change.fromVersion;
    const row = this.rows.get(change.record.id);
    if (change.fromVersion !== 0) return row?.version === change.fromVersion;
    return row === undefined && ![...this.rows.values()].some((other) => other.teamId === teamId && other.name === change.record.name);
  }

  #check(): void {
    if (this.failure !== null) throw this.failure;
  }
}

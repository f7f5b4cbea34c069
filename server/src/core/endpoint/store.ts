import type { EndpointRecord } from "./record.ts";

export interface EndpointPage {
  readonly items: readonly EndpointRecord[];
  readonly nextCursor: string | null;
}

export type EndpointChange =
  | { readonly kind: "put"; readonly record: EndpointRecord; /** 0: it must be new. */ readonly fromVersion: number }
  | { readonly kind: "delete"; readonly id: string; readonly fromVersion: number };

/** Endpoints. Throws `StoreUnavailableError`. */
export interface EndpointStore {
  find(teamId: string, name: string): Promise<EndpointRecord | undefined>;
  /** By the owner's slug, for a call. */
  findPublished(ownerSlug: string, name: string): Promise<{ readonly endpoint: EndpointRecord; readonly ownerName: string } | undefined>;
  get(id: string): Promise<EndpointRecord | undefined>;
  /** By name. */
  list(teamId: string, limit: number, cursor: string | null): Promise<EndpointPage>;
  count(teamId: string): Promise<number>;
  /** All or none, each compared with the version it comes from; `false` when one has changed meanwhile. */
  apply(teamId: string, changes: readonly EndpointChange[]): Promise<boolean>;
  setSchedulePaused(id: string, paused: boolean, nextRunAt: number | null): Promise<EndpointRecord | undefined>;
  /** Endpoints whose `nextRunAt` has come, the longest due first. */
  listDue(now: number, limit: number): Promise<readonly EndpointRecord[]>;
  /** Moves a due endpoint on; `false` when another server did. */
  claimDue(id: string, dueAt: number, nextRunAt: number | null): Promise<boolean>;
}

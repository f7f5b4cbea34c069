import type { Role } from "@capsuled/contract";

export interface TeamRecord {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  /** The first team of an installation; its admins manage teams. */
  readonly isFirst: boolean;
  readonly createdAt: number;
}

export interface KeyRecord {
  readonly id: string;
  readonly teamId: string;
  readonly name: string;
  readonly role: Role;
  /** SHA-256 of the key, lowercase hex. */
  readonly hash: string;
  /** The key's first ten characters. */
  readonly prefix: string;
  readonly createdAt: number;
  readonly lastUsedAt: number | null;
}

/** Where teams and keys are kept. Throws `StoreUnavailableError` (core/capsule/store.ts). */
export interface AccessStore {
  /** Inserts both or neither. `false` when the slug is taken (or, for the first team, when there is one already). */
  insertTeam(team: TeamRecord, key: KeyRecord): Promise<boolean>;
  /** Oldest first; only that team when `teamId` is given. */
  listTeams(teamId: string | null): Promise<readonly TeamRecord[]>;
  findTeam(id: string): Promise<TeamRecord | undefined>;
  countTeams(): Promise<number>;
  /** `false`, and nothing inserted, when the team has `keysMax` keys already. */
  insertKey(key: KeyRecord, keysMax: number): Promise<boolean>;
  /** Newest first. */
  listKeys(teamId: string): Promise<readonly KeyRecord[]>;
  findKeyByHash(hash: string): Promise<{ readonly key: KeyRecord; readonly team: TeamRecord } | undefined>;
  /** `last_admin`: it is the team's only admin key and stays. `absent`: the team has no such key. */
  removeKey(teamId: string, keyId: string): Promise<"removed" | "absent" | "last_admin">;
  recordKeyUse(entries: readonly { readonly id: string; readonly lastUsedAt: number }[]): Promise<void>;
}

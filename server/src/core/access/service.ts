import type { Role } from "@capsuled/contract";
import type { Intent } from "../idempotency/service.ts";
import type { Principal } from "./principal.ts";
import type { KeyRecord, TeamRecord } from "./store.ts";

/** A key with its text, which exists only in this answer. */
export interface NewKey {
  readonly record: KeyRecord;
  readonly text: string;
}

/** The use cases of teams and keys, one file each beside this one. */
export interface AccessService {
  /** The caller behind a key, from a cache of at most 5 s; `undefined` for a key that is malformed, unknown or revoked. Notes the use. */
  authenticate(keyText: string): Principal | undefined | Promise<Principal | undefined>;
  listKeys(principal: Principal): Promise<readonly KeyRecord[]>;
  createKey(principal: Principal, input: { readonly name: string | undefined; readonly role: Role }, intent?: Intent): Promise<NewKey>;
  revokeKey(principal: Principal, keyId: string): Promise<void>;
  listTeams(principal: Principal): Promise<readonly TeamRecord[]>;
  createTeam(
    principal: Principal,
    input: { readonly name: string; readonly slug: string | undefined },
    intent?: Intent,
  ): Promise<{ readonly team: TeamRecord; readonly key: NewKey }>;
  /**
   * The installation's first team with an admin key, unless there is one already. `save` puts the key where its owner finds it,
   * before the team is stored; when `undefined` comes back after it was called, another server was first and that key is none.
   */
  ensureFirstTeam(save?: (keyText: string) => Promise<void>): Promise<NewKey | undefined>;
  /** Calls back when a key was revoked here or has proved revoked; returns how to stop listening. */
  onRevoked(listener: (keyId: string) => void): () => void;
}

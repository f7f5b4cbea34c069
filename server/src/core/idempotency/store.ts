/** A request that was named by its caller. Times are unix milliseconds. */
export interface IdempotencyRecord {
  readonly teamId: string;
  /** SHA-256 of team and key: the key itself is not kept. */
  readonly keyHash: string;
  /** Method, path and query of the first request. */
  readonly request: string;
  readonly bodyHash: string;
  /** What all ids and secrets of the request are made from, encrypted: a continued request makes the same ones. */
  readonly sealedSeed: string;
  /** The server's life that works on it. */
  readonly holder: string;
  /** Until when others wait for that one. */
  readonly leaseUntil: number;
  /** The answer, encrypted; `null` while there is none, and where it is made anew for each repeat. */
  readonly sealedAnswer: string | null;
  readonly createdAt: number;
  /** `null` while it is under way. */
  readonly finishedAt: number | null;
}

type Name = Pick<IdempotencyRecord, "teamId" | "keyHash">;

/** Where requests with a key are kept. Throws `StoreUnavailableError`. */
export interface IdempotencyStore {
  /** Stores a new one, unless there is one of that name: then gives that one and stores nothing. */
  claim(record: IdempotencyRecord): Promise<IdempotencyRecord | undefined>;
  /** Takes an unfinished one from the holder that it was seen with; `false` when it has changed since. */
  takeOver(seen: IdempotencyRecord, holder: string, leaseUntil: number): Promise<boolean>;
  renew(name: Name, holder: string, leaseUntil: number): Promise<void>;
  finish(name: Name, holder: string, sealedAnswer: string | null, at: number): Promise<void>;
  /** Gives it up: the next repeat continues it at once. */
  release(name: Name, holder: string): Promise<void>;
  /** Forgets it, since nothing was done: the next repeat is a first one. */
  forget(name: Name, holder: string): Promise<void>;
  /** Removes a team's that were finished (or given up) before `before`, and the oldest finished beyond `perTeamMax`. Returns how many. */
  removeOld(teamId: string, before: number, perTeamMax: number, batch: number): Promise<number>;
}

import type { ActivityBuffer } from "../../lib/activity-buffer.ts";
import type { Clock, Ids } from "../ports/clock.ts";
import type { Hash } from "../ports/hash.ts";
import type { KeyCache } from "./key-cache.ts";
import type { AccessStore } from "./store.ts";

/** What the use cases of teams and keys work with. */
export interface AccessDeps {
  readonly store: AccessStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly hash: Hash;
  readonly cache: KeyCache;
  /** Notes a key's use; a loop flushes it. */
  readonly keyUse: Pick<ActivityBuffer, "note">;
}

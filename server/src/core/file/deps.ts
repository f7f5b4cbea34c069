import type { LiveCapsules } from "../capsule/live.ts";
import type { CapsuleStore } from "../capsule/store.ts";
import type { Clock, Ids } from "../ports/clock.ts";

/** What the use cases of files work with. */
export interface FileDeps {
  readonly store: CapsuleStore;
  readonly live: LiveCapsules;
  readonly clock: Clock;
  readonly ids: Ids;
}

import type { CapsuleStore } from "../capsule/store.ts";
import type { LiveCapsules } from "../capsule/live.ts";
import type { IdempotencyService } from "../idempotency/service.ts";
import type { Clock, Ids } from "../ports/clock.ts";
import type { Driver } from "../ports/driver.ts";
import type { Log } from "../ports/log.ts";
import type { Metrics } from "../ports/metrics.ts";

import type { ProcessStore } from "./store.ts";

/** What the use cases of processes work with. */
export interface ProcessDeps {
  readonly store: CapsuleStore;
  readonly live: LiveCapsules;
  readonly processes: ProcessStore;
  readonly idempotency: IdempotencyService;
  readonly driver: Pick<Driver, "stats">;
  readonly log: Log;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly metrics: Pick<Metrics, "execEnded">;
  /** Bytes of each stream that a buffered answer holds at most. */
  readonly outputBytesMax: number;
}

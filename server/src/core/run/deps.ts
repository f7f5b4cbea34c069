import type { LiveCapsules } from "../capsule/live.ts";
import type { CapsuleService } from "../capsule/service.ts";
import type { CapsuleStore } from "../capsule/store.ts";
import type { EndpointService } from "../endpoint/service.ts";
import type { EndpointStore } from "../endpoint/store.ts";
import type { Clock, Ids } from "../ports/clock.ts";
import type { Log } from "../ports/log.ts";
import type { RunFiles } from "../ports/run-files.ts";
import type { Sealer } from "../ports/sealer.ts";
import type { ProcessStore } from "../process/store.ts";
import type { RunRecord } from "./record.ts";
import type { RunStore } from "./store.ts";
import type { RunUpkeep } from "./upkeep.ts";

/** What runs work with. */
export interface RunDeps {
  readonly store: RunStore & RunUpkeep;
  readonly files: RunFiles;
  readonly capsules: CapsuleService;
  readonly capsuleStore: Pick<CapsuleStore, "find" | "findNamed">;
  /** The capsules that this server holds: the same as the capsule service's. */
  readonly live: LiveCapsules;
  readonly processes: Pick<ProcessStore, "find">;
  readonly endpoints: Pick<EndpointStore, "get">;
  readonly secretsOf: EndpointService["secretsOf"];
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly hostId: string;
  /** Told of each run's end once it is stored, with its notification if it asks for one. */
  readonly onEnded?: (run: RunRecord) => void;
}

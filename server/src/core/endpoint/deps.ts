import type { Clock, Ids } from "../ports/clock.ts";
import type { Schedules } from "../ports/schedule.ts";
import type { Sealer } from "../ports/sealer.ts";
import type { DefinitionFiles } from "./definition-file.ts";
import type { PublishedCache } from "./published-cache.ts";
import type { EndpointStore } from "./store.ts";
import type { TransformRunner } from "./transform.ts";

/** What a definition is told of its team's capsules. */
export interface TeamCapsules {
  /** Whether the team has this capsule, and it is not destroyed. */
  has(teamId: string, id: string): Promise<boolean>;
}

/** What the use cases of definitions work with. */
export interface EndpointDeps {
  readonly store: EndpointStore;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly sealer: Sealer;
  readonly schedules: Schedules;
  readonly templates: { isThere(teamId: string, name: string): Promise<boolean> };
  readonly transforms: Pick<TransformRunner, "check">;
  readonly capsules: TeamCapsules;
  readonly files: DefinitionFiles;
  readonly cache: PublishedCache;
  readonly limits: {
    /** Endpoints of a team. */
    readonly teamEndpointsMax: number;
    /** Seconds; the server's cap of a timeout. */
    readonly timeoutSecMax: number;
  };
}

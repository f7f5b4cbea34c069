import type { AgentLink, LogEntry } from "../ports/agent-link.ts";
import type { Clock, Ids } from "../ports/clock.ts";
import type { Driver, Handle } from "../ports/driver.ts";
import type { Log } from "../ports/log.ts";
import type { Sealer } from "../ports/sealer.ts";
import type { TemplateStore } from "../ports/templates.ts";
import type { TemplateRows } from "../template/store.ts";
import type { ProcessStore } from "../process/store.ts";
import type { Acts } from "./acts.ts";
import type { LiveCapsules } from "./live.ts";
import type { CapsuleStore } from "./store.ts";

/** Bounds that the installation sets. */
export interface CapsuleLimits {
  /** Processes in a capsule. */
  readonly pidsMax: number;
  /** Capsules of a team that are not stopped, destroyed or failed; 0 is no limit. */
  readonly teamCapsulesMax: number;
  /** What the host has. */
  readonly hostCores: number;
  readonly hostMemoryMb: number;
}

/** What the use cases of a capsule's life work with. */
export interface CapsuleDeps {
  readonly store: CapsuleStore;
  readonly processes: ProcessStore;
  readonly driver: Driver;
  readonly templates: TemplateStore;
  readonly teamTemplates: TemplateRows;
  readonly live: LiveCapsules;
  readonly acts: Acts;
  /** The link to the agent behind a handle; opens nothing by itself. */
  readonly connect: (capsuleId: string, secret: string, handle: Handle) => AgentLink;
  /** The entries from number `from` on that the agent of a machine that has ended left in its log. */
  readonly leftLog: (handle: Handle, from: number) => Promise<readonly LogEntry[]>;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly hostId: string;
  readonly limits: CapsuleLimits;
}

import type { ActionLog } from "./action-log.ts";
import type { Ledger } from "./ledger.ts";

/** What all parts of a run share. */
export interface World {
  readonly seed: string;
  /** New for each run, so that names of requests and capsules are its own. */
  readonly runId: string;
  readonly log: ActionLog;
  readonly ledger: Ledger;
  /** Aborted when the run is broken off: everybody leaves at once. */
  readonly broken: AbortSignal;
  readonly known: KnownProcesses;
}

/** A process whose start was acknowledged, as told to the readers of its end. */
export interface KnownProcess {
  readonly key: string;
  readonly capsuleId: string;
  /** What its `process.ended` event must say; `null` when only its existence is due. */
  end: { readonly reason: string; readonly exitCode: number | null } | null;
  /** It may have been killed before it came to note its start. */
  mayBeCut: boolean;
  /** Whether it has events: a plain foreground command has none. */
  readonly hasEvents: boolean;
}

/** Acknowledged processes by id, and every key that may have started one. */
export interface KnownProcesses {
  readonly byId: Map<string, KnownProcess>;
  readonly capsules: Set<string>;
}

/** What ends a capsule under its jobs, and what it makes of their ends. */
export const DOOMS = { agent: "agent_lost", destroy: "capsule_destroyed", stop: "capsule_stopped" } as const;
export type Doom = keyof typeof DOOMS;

/** What is going to end a capsule under its jobs; set before it is done. */
export interface Fate {
  doom: Doom | null;
  /** The end is known to the server: nothing will come any more. */
  isOver: boolean;
}

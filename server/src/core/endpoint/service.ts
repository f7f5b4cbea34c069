import type { Principal } from "../access/principal.ts";
import type { PutOutcome } from "./put-endpoint.ts";
import type { Written } from "./read-definition.ts";
import type { EndpointRecord } from "./record.ts";
import type { EndpointPage } from "./store.ts";

/** A problem of a file, where it stands. Lines and columns count from 1. */
export interface FileProblem {
  readonly line: number;
  readonly column: number;
  /** e.g. `endpoints[2].args[0].type`. */
  readonly path: string;
  readonly message: string;
}

export interface PlannedChange {
  readonly name: string;
  readonly change: "create" | "update" | "unchanged" | "delete";
  readonly fields: readonly string[];
}

export interface ImportOutcome {
  readonly applied: boolean;
  readonly changes: readonly PlannedChange[];
  readonly warnings: readonly FileProblem[];
}

/** A published endpoint with what its calls need, from a cache of at most 5 s (as keys are). */
export interface Published {
  readonly endpoint: EndpointRecord;
  readonly ownerSlug: string;
  readonly ownerName: string;
}

/** The use cases of definitions, one file each beside this one. Another team's endpoint is `not_found`. */
export interface EndpointService {
  /** Throws `invalid_request` with every problem of the definition, the command's own form included, and `quota_exceeded`. */
  put(principal: Principal, name: string, written: Written): Promise<PutOutcome>;
  get(principal: Principal, name: string): Promise<EndpointRecord>;
  list(principal: Principal, limit: number, cursor: string | null): Promise<EndpointPage>;
  /** Repeatable: 204 also when it is gone. Runs under way go on. */
  delete(principal: Principal, name: string): Promise<void>;
  /** A whole file: nothing is changed unless all of it is right. Throws `invalid_request` with `details.problems: FileProblem[]`. */
  import(principal: Principal, text: string, options: { readonly dryRun: boolean; readonly prune: boolean }): Promise<ImportOutcome>;
  pauseSchedule(principal: Principal, name: string): Promise<EndpointRecord>;
  resumeSchedule(principal: Principal, name: string): Promise<EndpointRecord>;
  /** For a call; not a promise where it is cached. */
  findPublished(ownerSlug: string, name: string): Published | undefined | Promise<Published | undefined>;
  /** The variables and webhook secrets of an endpoint, in the clear: never logged, never returned. */
  secretsOf(record: EndpointRecord): { readonly secrets: readonly string[]; readonly envs: Readonly<Record<string, string>> };
}

import type { RunSource, RunStatus } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import type { EndpointRecord } from "../endpoint/record.ts";
import type { ArgValues } from "../endpoint/record.ts";
import type { Invocation } from "../endpoint/invocation.ts";
import type { RunPosition, RunReader } from "./output.ts";
import type { RunRecord } from "./record.ts";

/** A call whose arguments are checked and whose command is made. */
export interface RunRequest {
  readonly endpoint: EndpointRecord;
  readonly invocation: Invocation;
  readonly args: ArgValues;
  readonly stdin: Uint8Array | null;
  readonly source: RunSource;
  /** The caller's key; null for a public call, a webhook or a schedule. */
  readonly keyId: string | null;
  /** Makes a repeat the same run; `fingerprint` tells another request under the same name. */
  readonly dedupe: { readonly name: string; readonly fingerprint: string } | null;
  /** `wait`: a caller waits for it. `async`: its intent is stored before this resolves. */
  readonly mode: "wait" | "async";
}

/** A run under way, or one that has ended. */
export interface RunHandle {
  /** As it was last seen. */
  readonly run: RunRecord;
  /** `false`: an earlier request with the same `dedupe` began it. */
  readonly isNew: boolean;
  /** Whether `run` counts all bytes that were printed so far; not where another server runs it, or an earlier life of this one began it. */
  readonly isCounted: boolean;
  /**
   * Reads its output from a position on; rejects never: a run that cannot be read any more gives a gap and its end. `isLent`: bytes are
   * good until the next call of `next` only, since their memory is used again then.
   */
  read(from: RunPosition, isLent?: boolean): RunReader;
  /** Resolves with its end. */
  readonly ended: Promise<RunRecord>;
}

/** Both streams in the order in which they were printed, or standard output alone. */
export type RunOutputPart = "both" | "stdout";

/** The head of an output. */
export interface RunOutput {
  readonly bytes: Uint8Array;
  /** There is more. */
  readonly isTruncated: boolean;
  /** Some of it is not kept. */
  readonly hasGap: boolean;
}

export interface RunFilter {
  readonly endpoint: string | null;
  readonly status: RunStatus | null;
  readonly source: RunSource | null;
  readonly limit: number;
  readonly cursor: string | null;
}

/** The use cases of runs, one file each beside this one. Another team's run is `not_found`. */
export interface RunService {
  /**
   * Starts a run, or gives the one that the same `dedupe` began. Throws `queue_full`, `capsule_gone`, `idempotency_conflict`, `unavailable`,
   * `shutting_down`. What goes wrong later (no capsule to be had, a program that cannot be found) is the run's own end.
   */
  start(request: RunRequest): Promise<RunHandle>;
  get(principal: Principal, id: string): Promise<RunHandle>;
  /** Without a principal, for a public endpoint's own call URL: only a run of that endpoint. */
  find(endpointId: string, id: string): Promise<RunHandle | undefined>;
  list(principal: Principal, filter: RunFilter): Promise<{ readonly items: readonly RunRecord[]; readonly nextCursor: string | null }>;
  /** Kills the process tree, or takes it out of the queue; does nothing to a run that has ended. */
  cancel(principal: Principal, id: string, by: string): Promise<RunRecord>;
  /** As `cancel`, for a caller that left a run with `on_disconnect: kill`: the reason is `client_gone`. */
  abandon(id: string): void;
  /** Waits for the end and collects at most `bytesMax` of the output. */
  collect(handle: RunHandle, part: RunOutputPart, bytesMax: number): Promise<{ readonly run: RunRecord; readonly output: RunOutput }>;
  /** The latest ended run of an endpoint, for its badge. */
  latest(endpointId: string): Promise<RunRecord | undefined>;
}

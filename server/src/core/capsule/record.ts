import type { Actor, CapsuleReason, MemoryEvidence } from "@capsuled/contract";
import type { Egress, Handle } from "../ports/driver.ts";
import type { CapsuleState } from "./state.ts";

/** A capsule's row. Times are unix milliseconds. */
export interface CapsuleRecord {
  readonly id: string;
  readonly teamId: string;
  /** The server installation that runs it. */
  readonly hostId: string;
  readonly driver: string;
  /** `null` until launched, and after its machine has ended. */
  readonly handle: Handle | null;
  readonly state: CapsuleState;
  /** Goes up by one with each stored change of the row; the compare-and-set's second half. */
  readonly version: number;
  readonly template: string;
  /** What its disk began with, where that is more than the template of that name: a snapshot, or the disk of a capsule (`cl-…`) as it was. */
  readonly snapshotId: string | null;
  /** What its template says about processes in it, encrypted; `null` where it says nothing. */
  readonly sealedSettings: string | null;
  readonly vcpus: number;
  readonly memoryMb: number;
  readonly diskMb: number;
  /** Inactivity TTL in seconds; 0 is never. */
  readonly timeoutSec: number;
  readonly name: string | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** Names only; the values are in `sealedEnvs`. */
  readonly envNames: readonly string[];
  /** The variables as JSON, encrypted; `null` when there are none. */
  readonly sealedEnvs: string | null;
  /** The agent's secret, encrypted. */
  readonly sealedSecret: string;
  /** Where it may connect to. */
  readonly egress: Egress;
  /** Ports that anybody may reach. */
  readonly publicPorts: readonly number[];
  /** Whether a request to one of its ports wakes it when it is paused. */
  readonly autoResume: boolean;
  /** Whether a disk exists that `start` can boot from. */
  readonly hasDisk: boolean;
  readonly reason: CapsuleReason | null;
  /** The reason in words, safe for callers. */
  readonly message: string | null;
  readonly createdAt: number;
  /** When it last reached `running`. */
  readonly startedAt: number | null;
  readonly lastActiveAt: number | null;
  /** The most recent change of `state`. */
  readonly stateChangedAt: number;
  readonly endedAt: number | null;
  /** Who asked for the change under way, or for the last one; `null` in rows from before this was kept. */
  readonly requestedBy: Actor | null;
  /** What its memory was like when it last ended. */
  readonly evidence: MemoryEvidence | null;
  /** The entry of the agent's process log to read next. */
  readonly logCursor: number;
}

/** What a transition may change beside the state. */
export type CapsuleChange = Partial<
  Pick<
    CapsuleRecord,
    | "handle"
    | "hasDisk"
    | "reason"
    | "message"
    | "startedAt"
    | "lastActiveAt"
    | "endedAt"
    | "sealedSecret"
    | "requestedBy"
    | "evidence"
    | "logCursor"
    | "egress"
    | "publicPorts"
  >
>;

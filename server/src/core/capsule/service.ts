import type { capsuleCreate, CapsuleStatus } from "@capsuled/contract";
import type { z } from "zod";
import type { Principal } from "../access/principal.ts";
import type { Intent } from "../idempotency/service.ts";
import type { NetworkInput } from "./network/egress.ts";
import type { NetworkReport } from "./network/read.ts";
import type { CapsuleRecord } from "./record.ts";
import type { ResolvedTemplate } from "../template/resolve.ts";

export type CreateInput = z.output<typeof capsuleCreate>;

export interface CreateOptions {
  /** What to do when the team has a capsule of that name: `fail` (the default) or `return` it. */
  readonly onConflict?: "fail" | "return";
  /** Set for a request that is done once, however often it comes. */
  readonly intent?: Intent | undefined;
  /** What it begins with, in place of what the name of its template stands for. */
  readonly begin?: ResolvedTemplate;
}

export interface Created {
  readonly record: CapsuleRecord;
  /** `false` when an existing one was given back. */
  readonly isNew: boolean;
}

export interface ListInput {
  readonly status: CapsuleStatus | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** `null`: the plain form, the newest 1 000. */
  readonly limit: number | null;
  readonly cursor: string | null;
}

export interface CapsuleList {
  readonly items: readonly CapsuleRecord[];
  readonly nextCursor: string | null;
}

/**
 * The use cases of a capsule's life, one file each beside this one. Every call throws `CapsuledError`:
 * another team's capsule, an unknown and a malformed id are the same `not_found`.
 */
export interface CapsuleService {
  /** Resolves once it runs, has failed to boot, or `wait_ms` has passed. */
  create(principal: Principal, input: CreateInput, options?: CreateOptions): Promise<Created>;
  get(principal: Principal, id: string): Promise<CapsuleRecord>;
  /** The id of the caller's capsule of this name, if there is one that is not destroyed. */
  findId(principal: Principal, name: string): Promise<string | undefined>;
  list(principal: Principal, input: ListInput): Promise<CapsuleList>;
  /** These four: with an intent whose first try was cut off, a capsule that is as it was asked to be is the answer. */
  pause(principal: Principal, id: string, intent?: Intent): Promise<CapsuleRecord>;
  resume(principal: Principal, id: string, waitMs: number, intent?: Intent): Promise<CapsuleRecord>;
  stop(principal: Principal, id: string, intent?: Intent): Promise<CapsuleRecord>;
  start(principal: Principal, id: string, waitMs: number, intent?: Intent): Promise<CapsuleRecord>;
  /** From every state; repeatable. */
  destroy(principal: Principal, id: string): Promise<void>;
  ping(principal: Principal, id: string): Promise<void>;
  readNetwork(principal: Principal, id: string, withDecisions: boolean): Promise<NetworkReport>;
  /** In any state but destroyed; in force when it resolves. */
  setNetwork(principal: Principal, id: string, input: NetworkInput): Promise<CapsuleRecord>;
}

import type { snapshotCreate } from "@capsuled/contract";
import type { z } from "zod";
import type { Principal } from "../access/principal.ts";
import type { CapsuleRecord } from "../capsule/record.ts";
import type { ForkInput } from "./fork.ts";
import type { TemplateSettings } from "./settings.ts";
import type { Intent } from "../idempotency/service.ts";

export type SnapshotInput = z.output<typeof snapshotCreate>;

/** A template as callers see it: the team's own, or one that every team has. */
export interface TemplateView {
  readonly name: string;
  readonly type: "base" | "snapshot";
  /** Whether every team has it. */
  readonly isPlatform: boolean;
  /** What a capsule of it gets unless it says otherwise; `null` is the API's own default. */
  readonly vcpus: number | null;
  readonly memoryMb: number | null;
  readonly diskMb: number | null;
  readonly sizeBytes: number;
  /** Unix milliseconds. */
  readonly createdAt: number;
  /** What it says about processes; `null` is nothing. */
  readonly settings: TemplateSettings | null;
}

/** The use cases of templates. Every call throws `CapsuledError`. */
export interface TemplateService {
  /** Makes a template of a running or paused capsule's disk; the capsule is then in the state it was in. */
  snapshot(principal: Principal, input: SnapshotInput, overwrite: boolean, intent?: Intent): Promise<TemplateView>;
  /** Makes capsules whose disks begin as that of a running or paused one is now: all of them, or none. */
  fork(principal: Principal, id: string, input: ForkInput, intent?: Intent): Promise<readonly CapsuleRecord[]>;
  /** The team's own and those that every team has. A type that is none has no templates. */
  list(principal: Principal, type: string | null): Promise<readonly TemplateView[]>;
  /** Its name is free at once, and capsules that began with it go on. */
  remove(principal: Principal, name: string): Promise<void>;
}

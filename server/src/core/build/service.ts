import type { Principal } from "../access/principal.ts";
import type { Intent } from "../idempotency/service.ts";
import type { BuildLogReader } from "./log-reader.ts";
import type { Recipe } from "./plan.ts";
import type { BuildRecord } from "./record.ts";

/** The use cases of builds. Every call throws `CapsuledError`; another team's build is `not_found`. */
export interface BuildService {
  /** Resolves once it is stored, or later by as much as the recipe says to wait for its end. */
  start(principal: Principal, recipe: Recipe, intent?: Intent): Promise<BuildRecord>;
  get(principal: Principal, id: string): Promise<BuildRecord>;
  /** Newest first. */
  list(principal: Principal, limit: number): Promise<readonly BuildRecord[]>;
  /** The log after the entry of that number; `null` when that was the last. Throws `invalid_offset` beyond the latest. */
  log(principal: Principal, id: string, after: number): Promise<BuildLogReader | null>;
  /** Resolves when the build has its end and its capsule is gone. */
  cancel(principal: Principal, id: string): Promise<BuildRecord>;
}

import type { Principal } from "../access/principal.ts";
import type { BuildDeps } from "./deps.ts";
import type { BuildLog } from "./log.ts";
import type { Recipe } from "./plan.ts";
import type { BuildRecord } from "./record.ts";

/** One build under way. */
export interface BuildContext {
  readonly deps: BuildDeps;
  readonly principal: Principal;
  readonly record: BuildRecord;
  readonly recipe: Recipe;
  readonly log: BuildLog;
  /** Aborts with the `BuildError` that is the reason. */
  readonly signal: AbortSignal;
}

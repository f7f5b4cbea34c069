import type { Operation } from "../operation.ts";
import * as access from "./access.ts";
import * as calls from "./calls.ts";
import * as capsules from "./capsules.ts";
import * as endpoints from "./endpoints.ts";
import * as events from "./events.ts";
import * as exec from "./exec.ts";
import * as files from "./files.ts";
import * as images from "./images.ts";
import * as metrics from "./metrics.ts";
import * as ports from "./ports.ts";
import * as processes from "./processes.ts";
import * as runs from "./runs.ts";
import * as snapshots from "./snapshots.ts";
import * as system from "./system.ts";
import * as templates from "./templates.ts";
import * as terminals from "./terminals.ts";

/** Every route of the API, by its id. */
export const OPERATIONS = {
  ...capsules,
  ...exec,
  ...processes,
  ...terminals,
  ...files,
  ...ports,
  ...events,
  ...endpoints,
  ...calls,
  ...runs,
  ...metrics,
  ...snapshots,
  ...templates,
  ...images,
  ...access,
  ...system,
} as const satisfies Record<string, Operation>;

export type OperationId = keyof typeof OPERATIONS;

export const OPERATION_LIST: readonly Operation[] = Object.values(OPERATIONS);

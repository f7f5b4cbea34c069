import type { CapsuleDeps } from "./core/capsule/deps.ts";
import type { UsageService } from "./core/metrics/service.ts";
import { createUsageService } from "./core/metrics/service.ts";
import { SAMPLE_MS, UsageMetrics } from "./core/metrics/usage.ts";
import type { Shutdown } from "./lib/node/shutdown.ts";
import { startLoop } from "./loops/loop.ts";

/** What is measured of capsules, put together. */
export function createUsage(deps: CapsuleDeps, shutdown: Shutdown): UsageService {
  const usage = new UsageMetrics(deps);
  const loop = startLoop({ name: "measure", everyMs: SAMPLE_MS, tick: () => usage.tick() }, deps.log);
  shutdown.defer("loop", () => loop.close());
  return createUsageService({ store: deps.store, usage });
}

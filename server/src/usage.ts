import type { CapsuleDeps } from "./core/capsule/deps.ts";
import { COUNT_MS, UsageMeter } from "./core/metrics/meter.ts";
import type { UsageService } from "./core/metrics/service.ts";
import { createUsageService } from "./core/metrics/service.ts";
import { SAMPLE_MS, UsageMetrics } from "./core/metrics/usage.ts";
import { steadyClock } from "./lib/node/clock.ts";
import type { Shutdown } from "./lib/node/shutdown.ts";
import type { Loops } from "./loops/loops.ts";
import type { Database } from "./store/database.ts";
import { createUsageStore } from "./store/usage-store.ts";

export interface Usage {
  readonly service: UsageService;
  readonly meter: UsageMeter;
}

/** What is measured and counted of capsules, put together; before the first capsule is held, so that the time of each counts. */
export async function createUsage(deps: CapsuleDeps, database: Database, shutdown: Shutdown, loops: Loops): Promise<Usage> {
  const { store, live, clock, hostId } = deps;
  const sums = createUsageStore(database);
  const usage = new UsageMetrics(deps);
  const meter = await UsageMeter.open({ store: sums, hostId, clock, steady: steadyClock });
  live.watch((...told) => meter.note(...told));
  for (const loop of [
    loops.start({ name: "measure", everyMs: SAMPLE_MS, tick: () => usage.tick() }),
    loops.start({ name: "count usage", everyMs: COUNT_MS, tick: () => meter.count() }),
  ]) {
    shutdown.defer("loop", () => loop.close());
  }
  return { service: createUsageService({ store, usage, sums, clock }), meter };
}

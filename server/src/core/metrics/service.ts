import type { METRICS_RANGES, STATS_RANGES } from "@capsuled/contract";
import type { Principal } from "../access/principal.ts";
import { ownedCapsule } from "../capsule/owned.ts";
import type { CapsuleStore } from "../capsule/store.ts";
import type { Clock } from "../ports/clock.ts";
import type { Point } from "./series.ts";
import type { UsageStore } from "./store.ts";
import type { DaySpan, TeamUsage } from "./team-usage.ts";
import { teamUsage } from "./team-usage.ts";
import type { TeamCount, UsageMetrics } from "./usage.ts";

export type { TeamUsage } from "./team-usage.ts";
export type MetricsRange = (typeof METRICS_RANGES)[number];
export type StatsRange = (typeof STATS_RANGES)[number];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const RANGE_MS: Readonly<Record<MetricsRange | StatsRange, number>> = {
  "5m": 5 * MINUTE_MS,
  "10m": 10 * MINUTE_MS,
  "1h": HOUR_MS,
  "2h": 2 * HOUR_MS,
  "6h": 6 * HOUR_MS,
  "12h": 12 * HOUR_MS,
  "24h": 24 * HOUR_MS,
  "30d": 720 * HOUR_MS,
};

export interface TeamStats {
  readonly current: TeamCount;
  readonly peaks: TeamCount;
  readonly series: readonly Point[];
}

/** What callers see of what is measured. */
export interface UsageService {
  /** Throws `not_found`. */
  capsule(principal: Principal, id: string, range: MetricsRange): Promise<readonly Point[]>;
  team(principal: Principal, range: StatsRange): TeamStats;
  /** Throws `invalid_request`. */
  days(principal: Principal, span: DaySpan): Promise<TeamUsage>;
}

export interface UsageServiceDeps {
  readonly store: CapsuleStore;
  readonly usage: UsageMetrics;
  readonly sums: Pick<UsageStore, "list">;
  readonly clock: Clock;
}

export function createUsageService(deps: UsageServiceDeps): UsageService {
  return {
    days: ({ teamId }, span) => teamUsage({ store: deps.sums, clock: deps.clock }, teamId, span),

    async capsule(principal, id, range) {
      await ownedCapsule(deps.store, principal, id);
      return deps.usage.capsule(id, RANGE_MS[range]);
    },
    team({ teamId }, range) {
      const current = deps.usage.now(teamId);
      const most = (index: number, now: number): number =>
        deps.usage.team(teamId, RANGE_MS["30d"]).reduce((peak, { values }) => Math.max(peak, values[index] ?? 0), now);
      const peaks = { running: most(0, current.running), vcpus: most(1, current.vcpus), memoryMb: most(2, current.memoryMb) };
      return { current, peaks, series: deps.usage.team(teamId, RANGE_MS[range]) };
    },
  };
}

import { PUBLIC_STATUS } from "../capsule/machine.ts";
import type { CapsuleRecord } from "../capsule/record.ts";
import type { Clock } from "../ports/clock.ts";
import type { Driver } from "../ports/driver.ts";
import { HandleGoneError } from "../ports/driver.ts";
import type { Log } from "../ports/log.ts";
import type { Point, Tier } from "./series.ts";
import { Series } from "./series.ts";

/** Milliseconds between two samples. */
export const SAMPLE_MS = 10_000;
const MINUTE_MS = 60_000;

/** What is kept of each capsule: 10 minutes, 2 hours and a day, about 10 KB together. */
const CAPSULE_TIERS: readonly Tier[] = [
  { stepMs: SAMPLE_MS, length: 60 },
  { stepMs: MINUTE_MS, length: 120 },
  { stepMs: 10 * MINUTE_MS, length: 144 },
];
/** And of each team: a month too. */
const TEAM_TIERS: readonly Tier[] = [...CAPSULE_TIERS, { stepMs: 120 * MINUTE_MS, length: 360 }];
/** Teams that are counted; the numbers of one beyond are of this moment only. */
export const TEAMS_MAX = 1000;
/** Samples taken before others get their turn. */
const AT_ONCE = 16;

export interface TeamCount {
  readonly running: number;
  readonly vcpus: number;
  readonly memoryMb: number;
}

interface Watched {
  readonly series: Series;
  cpuUsageUs: number;
  at: number;
}

/** A capsule that has a machine. */
interface Held {
  readonly record: CapsuleRecord;
}

export interface UsageDeps {
  readonly live: { all(): Iterable<Held> };
  readonly driver: Pick<Driver, "stats">;
  readonly clock: Clock;
  readonly log: Log;
}

/** What capsules use and teams have running, sampled by one loop. Lives in memory: a restart begins anew. */
export class UsageMetrics {
  readonly #deps: UsageDeps;
  readonly #capsules = new Map<string, Watched>();
  readonly #teams = new Map<string, Series>();

  constructor(deps: UsageDeps) {
    this.#deps = deps;
  }

  /** One sample of everything. */
  async tick(): Promise<void> {
    const all = [...this.#deps.live.all()];
    const ids = new Set(all.map(({ record }) => record.id));
    for (const id of this.#capsules.keys()) if (!ids.has(id)) this.#capsules.delete(id);
    this.#countTeams(all);
    for (const [index, live] of all.entries()) {
      if (index % AT_ONCE === AT_ONCE - 1) await new Promise((resolve) => setTimeout(resolve, 0));
      await this.#sample(live);
    }
  }

  /** The capsule's points of that range, oldest first: cpu in per cent, bytes of memory, bytes of disk (-1: unknown). */
  capsule(id: string, rangeMs: number): readonly Point[] {
    return this.#capsules.get(id)?.series.points(this.#deps.clock.now(), rangeMs) ?? [];
  }

  /** The team's points: running capsules, their cores and their MiB. */
  team(teamId: string, rangeMs: number): readonly Point[] {
    return this.#teams.get(teamId)?.points(this.#deps.clock.now(), rangeMs) ?? [];
  }

  /** What the team has running now. */
  now(teamId: string): TeamCount {
    return countOf([...this.#deps.live.all()].filter(({ record }) => record.teamId === teamId));
  }

  #countTeams(all: readonly Held[]): void {
    const at = this.#deps.clock.now();
    const byTeam = Map.groupBy(all, ({ record }) => record.teamId);
    for (const teamId of byTeam.keys())
      if (!this.#teams.has(teamId) && this.#teams.size < TEAMS_MAX) this.#teams.set(teamId, new Series(TEAM_TIERS, ["max", "max", "max"]));
    for (const [teamId, series] of this.#teams) {
      const { running, vcpus, memoryMb } = countOf(byTeam.get(teamId) ?? []);
      series.add(at, [running, vcpus, memoryMb]);
    }
  }

  async #sample({ record }: Held): Promise<void> {
    if (record.handle === null) return;
    try {
      const { cpuUsageUs, memoryBytes, diskBytes } = await this.#deps.driver.stats(record.handle);
      const at = this.#deps.clock.now();
      const before = this.#capsules.get(record.id);
      const watched: Watched = before ?? { series: new Series(CAPSULE_TIERS, ["mean", "max", "max"]), cpuUsageUs, at };
      const spentUs = Math.max(0, cpuUsageUs - watched.cpuUsageUs);
      const couldUs = (at - watched.at) * 1000 * record.vcpus;
      const percent = couldUs <= 0 ? 0 : Math.min(100, (spentUs / couldUs) * 100);
      watched.series.add(at, [percent, memoryBytes, diskBytes ?? -1]);
      Object.assign(watched, { cpuUsageUs, at });
      this.#capsules.set(record.id, watched);
    } catch (error) {
      // It has just ended: whoever holds it hears of that elsewhere.
      if (!(error instanceof HandleGoneError)) this.#deps.log.debug({ capsuleId: record.id, error }, "a capsule could not be measured");
    }
  }
}

function countOf(all: readonly Held[]): TeamCount {
  const running = all.filter(({ record }) => PUBLIC_STATUS[record.state] === "running");
  return {
    running: running.length,
    vcpus: running.reduce((sum, { record }) => sum + record.vcpus, 0),
    memoryMb: running.reduce((sum, { record }) => sum + record.memoryMb, 0),
  };
}

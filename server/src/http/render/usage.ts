import type { capsuleMetrics, capsuleStats, teamUsage } from "@capsuled/contract";
import type { z } from "zod";
import { formatDay } from "../../core/metrics/day.ts";
import type { Point } from "../../core/metrics/series.ts";
import type { MetricsRange, StatsRange, TeamStats, TeamUsage } from "../../core/metrics/service.ts";
import { timestamp } from "./time.ts";

export function renderMetrics(id: string, range: MetricsRange, points: readonly Point[]): z.input<typeof capsuleMetrics> {
  return {
    sandbox_id: id,
    range,
    points: points.map(({ at, values: [cpu = 0, memory = 0, disk = -1] }) => ({
      timestamp_unix: Math.floor(at / 1000),
      cpu_pct: Math.round(cpu * 100) / 100,
      mem_bytes: Math.round(memory),
      disk_bytes: disk < 0 ? null : Math.round(disk),
    })),
  };
}

export function renderStats(range: StatsRange, { current, peaks, series }: TeamStats): z.input<typeof capsuleStats> {
  const column = (index: number): number[] => series.map(({ values }) => values[index] ?? 0);
  return {
    range,
    current: { running_count: current.running, vcpus_reserved: current.vcpus, memory_mb_reserved: current.memoryMb },
    peaks: { running_count: peaks.running, vcpus: peaks.vcpus, memory_mb: peaks.memoryMb },
    series: { labels: series.map(({ at }) => timestamp(at)), running: column(0), vcpus: column(1), memory_mb: column(2) },
  };
}

/** Minutes with four digits: 6 ms. */
const minutes = (ms: number): number => Math.round((ms / 60_000) * 10_000) / 10_000;

export function renderUsage({ first, last, days }: TeamUsage): z.input<typeof teamUsage> {
  return {
    from: formatDay(first),
    to: formatDay(last),
    points: days.map(({ day, vcpuMs, memoryMbMs }) => ({
      date: formatDay(day),
      cpu_minutes: minutes(vcpuMs),
      ram_mb_minutes: minutes(memoryMbMs),
    })),
  };
}

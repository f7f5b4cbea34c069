import { z } from "zod";
import { optional, timestamp } from "./text.ts";

/** Ranges, each with what it shows: from now back. */
export const METRICS_RANGES = ["5m", "10m", "1h", "2h", "6h", "12h", "24h"] as const;
export const STATS_RANGES = ["5m", "1h", "6h", "24h", "30d"] as const;

/** Days from the first of a usage to its last. */
export const USAGE_DAYS = { default: 30, max: 92 } as const;

const day = z.iso.date();

export const usageQuery = z.object({
  from: optional(day).describe(`The first day, \`YYYY-MM-DD\` in UTC; ${USAGE_DAYS.default} days before the last unless said.`),
  to: optional(day).describe(`The last day; today unless said. At most ${USAGE_DAYS.max} days after the first.`),
});

export const metricsQuery = z.object({ range: z.enum(METRICS_RANGES).default("10m").describe("How far back.") });
export const statsQuery = z.object({ range: z.enum(STATS_RANGES).default("1h").describe("How far back.") });

export const metricsPoint = z
  .object({
    timestamp_unix: z.int().describe("Seconds."),
    cpu_pct: z.number().describe("Of all its cores together, 0 to 100; the average since the point before."),
    mem_bytes: z
      .int()
      .describe(
        "What its processes use, and what they have read and written as far as it is kept in memory; the most since the point before.",
      ),
    disk_bytes: z.int().nullable().describe("What it has on disk beside what it shares; null where disks have no limit."),
  })
  .meta({ id: "MetricsPoint" });

export const capsuleMetrics = z
  .object({ sandbox_id: z.string().describe("The capsule's id."), range: z.enum(METRICS_RANGES), points: z.array(metricsPoint) })
  .meta({ id: "CapsuleMetrics" });

export const capsuleStats = z
  .object({
    range: z.enum(STATS_RANGES),
    current: z.object({
      running_count: z.int(),
      vcpus_reserved: z.int().describe("Of running capsules together."),
      memory_mb_reserved: z.int(),
    }),
    peaks: z
      .object({ running_count: z.int(), vcpus: z.int(), memory_mb: z.int() })
      .describe("Of the last 30 days, or since the server's start."),
    series: z
      .object({ labels: z.array(timestamp), running: z.array(z.int()), vcpus: z.array(z.int()), memory_mb: z.array(z.int()) })
      .describe("Arrays of one length, oldest first; the most since the label before."),
  })
  .meta({ id: "CapsuleStats" });

export const usagePoint = z
  .object({
    date: day.describe("A day in UTC."),
    cpu_minutes: z.number().describe("The minutes of running capsules, each times its `vcpus`."),
    ram_mb_minutes: z.number().describe("The minutes of running capsules, each times its `memory_mb`."),
  })
  .meta({ id: "UsagePoint" });

export const teamUsage = z
  .object({ from: day, to: day, points: z.array(usagePoint).describe("One a day, oldest first; 0 where nothing ran.") })
  .meta({ id: "Usage" });

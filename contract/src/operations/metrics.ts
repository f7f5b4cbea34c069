import { z } from "zod";
import { capsuleIdParam } from "../ids.ts";
import { defineOperation } from "../operation.ts";
import { capsuleMetrics, capsuleStats, metricsQuery, statsQuery, teamUsage, usageQuery } from "../schemas/metrics.ts";

const tag = "Capsules";

export const getCapsuleMetrics = defineOperation({
  id: "getCapsuleMetrics",
  method: "GET",
  path: "/v1/capsules/{id}/metrics",
  tag,
  summary: "Get what a capsule has used of processor, memory and disk",
  description:
    "Sampled every 10 s while it has a machine, running or paused; a restart of the server, and the capsule's own stop, begin anew. A capsule without a machine has no points.",
  auth: "member",
  idempotency: "safe",
  params: z.object({ id: capsuleIdParam }),
  query: metricsQuery,
  body: null,
  answers: {
    200: {
      description: "Points, oldest first.",
      schema: capsuleMetrics,
      example: {
        sandbox_id: "cl-0c3n5yq1r9s8t7u6v5w4x3y2z",
        range: "10m",
        points: [{ timestamp_unix: 1_793_527_200, cpu_pct: 12.5, mem_bytes: 48_234_496, disk_bytes: 8_192_000 }],
      },
    },
  },
  errors: ["invalid_request", "not_found", "unavailable"],
});

export const getCapsuleStats = defineOperation({
  id: "getCapsuleStats",
  method: "GET",
  path: "/v1/capsules/stats",
  tag,
  summary: "Get how many capsules the team has running, and with what",
  description: "Counted every 10 s since the server's start.",
  auth: "member",
  idempotency: "safe",
  params: z.strictObject({}),
  query: statsQuery,
  body: null,
  answers: {
    200: {
      description: "Now, at most, and over the range.",
      schema: capsuleStats,
      example: {
        range: "1h",
        current: { running_count: 2, vcpus_reserved: 3, memory_mb_reserved: 1536 },
        peaks: { running_count: 5, vcpus: 6, memory_mb: 4096 },
        series: { labels: ["2026-11-01T10:00:00.000Z"], running: [2], vcpus: [3], memory_mb: [1536] },
      },
    },
  },
  errors: ["invalid_request"],
});

export const getUsage = defineOperation({
  id: "getUsage",
  method: "GET",
  path: "/v1/capsules/usage",
  tag,
  summary: "Get what the team's capsules had of processor and memory by the day",
  description:
    "Running time times what each capsule has (not what it used of that). Paused and stopped time does not count. Counted every 10 s and kept for 366 days, through restarts of the server and the end of the capsules.",
  auth: "member",
  idempotency: "safe",
  params: z.strictObject({}),
  query: usageQuery,
  body: null,
  answers: {
    200: {
      description: "Both days included.",
      schema: teamUsage,
      example: {
        from: "2026-11-01",
        to: "2026-11-02",
        points: [
          { date: "2026-11-01", cpu_minutes: 1440, ram_mb_minutes: 737_280 },
          { date: "2026-11-02", cpu_minutes: 12.5, ram_mb_minutes: 3200 },
        ],
      },
    },
  },
  errors: ["invalid_request", "unavailable"],
});

import type { OperationId } from "@capsuled/contract";
import { IDS, KEYS } from "./fake-services.ts";

/** A request that succeeds against the fake services. */
export interface GoodRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly json?: unknown;
  readonly key?: string;
  /** What it answers with. */
  readonly status: number;
}

const capsule = `/v1/capsules/${IDS.running}`;
const paused = `/v1/capsules/${IDS.paused}`;

/** One for each operation; `startCapsule` has no stopped capsule to begin with, its test scripts one. */
export const GOOD_REQUESTS: Readonly<Record<OperationId, GoodRequest>> = {
  createCapsule: { method: "POST", path: "/v1/capsules", json: { template: "minimal" }, status: 201 },
  listCapsules: { method: "GET", path: "/v1/capsules", status: 200 },
  getCapsule: { method: "GET", path: capsule, status: 200 },
  destroyCapsule: { method: "DELETE", path: capsule, status: 204 },
  pauseCapsule: { method: "POST", path: `${capsule}/pause`, status: 200 },
  resumeCapsule: { method: "POST", path: `${paused}/resume`, status: 200 },
  stopCapsule: { method: "POST", path: `${capsule}/stop`, status: 200 },
  startCapsule: { method: "POST", path: `${capsule}/start`, status: 200 },
  pingCapsule: { method: "POST", path: `${capsule}/ping`, status: 204 },
  exec: { method: "POST", path: `${capsule}/exec`, json: { cmd: "hello" }, status: 200 },
  execStream: { method: "GET", path: `${capsule}/exec/stream`, status: 426 },
  listProcesses: { method: "GET", path: `${capsule}/processes`, status: 200 },
  killProcess: { method: "DELETE", path: `${capsule}/processes/42`, status: 204 },
  streamProcess: { method: "GET", path: `${capsule}/processes/42/stream`, status: 426 },
  getProcess: { method: "GET", path: `${capsule}/processes/42`, status: 200 },
  getProcessOutput: { method: "GET", path: `${capsule}/processes/42/output`, status: 200 },
  listEvents: { method: "GET", path: "/v1/events", status: 200 },
  streamEvents: { method: "GET", path: "/v1/events/stream", status: 200 },
  listKeys: { method: "GET", path: "/v1/api-keys", status: 200 },
  createKey: { method: "POST", path: "/v1/api-keys", json: { name: "ci" }, key: KEYS.admin, status: 201 },
  revokeKey: { method: "DELETE", path: `/v1/api-keys/${IDS.key}`, key: KEYS.admin, status: 204 },
  listTeams: { method: "GET", path: "/v1/teams", status: 200 },
  createTeam: { method: "POST", path: "/v1/teams", json: { name: "Others" }, key: KEYS.admin, status: 201 },
  getHealth: { method: "GET", path: "/healthz", status: 200 },
  getMetrics: { method: "GET", path: "/metrics", status: 200 },
  getOpenapi: { method: "GET", path: "/openapi.json", status: 200 },
  getDocs: { method: "GET", path: "/docs", status: 200 },
};

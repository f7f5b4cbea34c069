import type { OperationId } from "@capsuled/contract";
import { endpointDefinition } from "@capsuled/contract";
import type { Principal } from "../../core/access/principal.ts";
import { OWNER } from "./fake-endpoints.ts";
import { IDS, KEYS } from "./fake-services.ts";
import type { World } from "./world.ts";

/** A request that succeeds against the fake services. */
export interface GoodRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly path: string;
  readonly json?: unknown;
  /** In place of `json`, sent as it is with these headers. */
  readonly body?: string;
  readonly key?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** What it answers with. */
  readonly status: number;
}

const capsule = `/v1/capsules/${IDS.running}`;
export const ENDPOINT = "hello";
const endpoint = `/v1/endpoints/${ENDPOINT}`;
const run = `/v1/runs/run-${"1".padStart(25, "0")}`;
const paused = `/v1/capsules/${IDS.paused}`;

const form = `--cut
Content-Disposition: form-data; name="path"

/root/new.txt
--cut
Content-Disposition: form-data; name="file"; filename="upload"
Content-Type: application/octet-stream

new
--cut--
`.replaceAll("\n", "\r\n");
const upload = { method: "POST", body: form, headers: { "content-type": "multipart/form-data; boundary=cut" }, status: 204 } as const;
const file = { path: "hello.txt" };
const build = `/v1/templates/builds/${IDS.build}`;

/** One for each operation, after `prepare`; `startCapsule` has no stopped capsule to begin with, its test scripts one. */
export const GOOD_REQUESTS: Readonly<Record<OperationId, GoodRequest>> = {
  createCapsule: { method: "POST", path: "/v1/capsules", json: { template: "minimal" }, status: 201 },
  listCapsules: { method: "GET", path: "/v1/capsules", status: 200 },
  getCapsule: { method: "GET", path: capsule, status: 200 },
  getCapsuleNetwork: { method: "GET", path: `${capsule}/network`, status: 200 },
  setCapsuleNetwork: { method: "PATCH", path: `${capsule}/network`, json: { egress: "none" }, status: 200 },
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
  openTerminal: { method: "GET", path: `${capsule}/pty`, status: 426 },
  writeFile: { ...upload, path: `${capsule}/files/write` },
  streamWriteFile: { ...upload, path: `${capsule}/files/stream/write` },
  readFile: { method: "POST", path: `${capsule}/files/read`, json: file, status: 200 },
  streamReadFile: { method: "POST", path: `${capsule}/files/stream/read`, json: file, status: 200 },
  downloadFile: { method: "GET", path: `${capsule}/files/read?path=hello.txt`, status: 200 },
  listFiles: { method: "POST", path: `${capsule}/files/list`, json: { path: "/root" }, status: 200 },
  watchFiles: { method: "GET", path: `${capsule}/files/watch?path=/root`, status: 426 },
  streamFileChanges: { method: "GET", path: `${capsule}/files/watch/events?path=/root`, status: 200 },
  statFile: { method: "POST", path: `${capsule}/files/stat`, json: file, status: 200 },
  makeDirectory: { method: "POST", path: `${capsule}/files/mkdir`, json: { path: "/root/made" }, status: 200 },
  removeFile: { method: "POST", path: `${capsule}/files/remove`, json: file, status: 204 },
  getCapsuleMetrics: { method: "GET", path: `${capsule}/metrics`, status: 200 },
  getCapsuleStats: { method: "GET", path: "/v1/capsules/stats?range=5m", status: 200 },
  getUsage: { method: "GET", path: "/v1/capsules/usage?from=2026-11-01&to=2026-11-02", status: 200 },
  createSnapshot: { method: "POST", path: "/v1/snapshots", json: { capsule_id: IDS.running }, status: 201 },
  listSnapshots: { method: "GET", path: "/v1/snapshots", status: 200 },
  createTemplate: { method: "POST", path: "/v1/templates", json: { name: "built" }, status: 202 },
  listTemplateBuilds: { method: "GET", path: "/v1/templates/builds", status: 200 },
  getTemplateBuild: { method: "GET", path: build, status: 200 },
  streamTemplateBuild: { method: "GET", path: `${build}/logs`, status: 200 },
  cancelTemplateBuild: { method: "DELETE", path: build, status: 200 },
  deleteSnapshot: { method: "DELETE", path: "/v1/snapshots/kept", status: 204 },
  uploadImage: {
    method: "POST",
    path: "/v1/images",
    body: "\0".repeat(1024),
    headers: { "content-type": "application/x-tar" },
    status: 201,
  },
  deleteImage: { method: "DELETE", path: "/v1/images/im-0000000000000000000000000", status: 204 },
  forkCapsule: { method: "POST", path: `${capsule}/fork`, json: { count: 2 }, status: 201 },
  moveFile: { method: "POST", path: `${capsule}/files/move`, json: { from: "hello.txt", to: "/root/moved.txt" }, status: 200 },
  copyFile: { method: "POST", path: `${capsule}/files/copy`, json: { from: "hello.txt", to: "/root/copy.txt" }, status: 200 },
  readArchive: { method: "POST", path: `${capsule}/files/archive/read`, json: file, status: 200 },
  downloadArchive: { method: "GET", path: `${capsule}/files/archive/read?path=hello.txt`, status: 200 },
  writeArchive: {
    method: "POST",
    path: `${capsule}/files/archive/write?path=/root/unpacked`,
    body: "\0".repeat(1024),
    headers: { "content-type": "application/x-tar" },
    status: 200,
  },
  changeFileMode: { method: "POST", path: `${capsule}/files/chmod`, json: { ...file, mode: "755" }, status: 200 },
  listPorts: { method: "GET", path: `${capsule}/ports`, status: 200 },
  setPortAccess: { method: "PUT", path: `${capsule}/ports/3000`, json: { public: true }, status: 200 },
  createPortUrl: { method: "POST", path: `${capsule}/ports/3000/url`, json: {}, status: 201 },
  listEvents: { method: "GET", path: "/v1/events", status: 200 },
  streamEvents: { method: "GET", path: "/v1/events/stream", status: 200 },
  listEndpoints: { method: "GET", path: "/v1/endpoints", status: 200 },
  putEndpoint: { method: "PUT", path: "/v1/endpoints/another", json: { command: "echo hi" }, status: 201 },
  getEndpoint: { method: "GET", path: endpoint, status: 200 },
  deleteEndpoint: { method: "DELETE", path: endpoint, status: 204 },
  importEndpoints: {
    method: "POST",
    path: "/v1/endpoints/import?dry_run=true",
    // YAML, as every JSON is.
    json: { version: 1, endpoints: [{ name: "b", command: "echo" }] },
    status: 200,
  },
  pauseEndpointSchedule: { method: "POST", path: `${endpoint}/schedule/pause`, status: 200 },
  resumeEndpointSchedule: { method: "POST", path: `${endpoint}/schedule/resume`, status: 200 },
  callEndpoint: { method: "POST", path: `/v1/${OWNER}/${ENDPOINT}`, json: { whom: "you" }, status: 200 },
  listRuns: { method: "GET", path: "/v1/runs", status: 200 },
  getRun: { method: "GET", path: run, status: 200 },
  streamRun: { method: "GET", path: `${run}/stream`, status: 200 },
  getRunOutput: { method: "GET", path: `${run}/output`, status: 200 },
  cancelRun: { method: "DELETE", path: run, status: 200 },
  createTicket: { method: "POST", path: "/v1/tickets", json: { method: "POST", path: `/v1/${OWNER}/${ENDPOINT}` }, status: 201 },
  getTeamBadge: { method: "GET", path: `/${OWNER}/badge.svg`, status: 200 },
  getEndpointBadge: { method: "GET", path: `/${OWNER}/public/badge.svg`, status: 200 },
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

const member: Principal = { keyId: `key-${"2".repeat(25)}`, teamId: IDS.team, role: "member", isFirstTeam: true };

/** Publishes an endpoint of the member's team. */
export async function publish(world: World, name: string, definition: Readonly<Record<string, unknown>>): Promise<void> {
  await world.endpoints.put(member, name, endpointDefinition.parse(definition));
}

/** Makes what the good requests ask for: two endpoints, one of them public, and a run that has ended. */
export async function prepare(world: World): Promise<void> {
  await publish(world, ENDPOINT, { command: "echo hello", args: [{ name: "whom" }], schedule: "0 0 1 1 *" });
  await publish(world, "public", { command: "echo hello", public: true });
  await world.call("POST", `/v1/${OWNER}/${ENDPOINT}`, { headers: { accept: "application/json" } });
}

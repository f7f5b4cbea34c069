// Made from the contract by `npm run generate`. Change the contract, not this file.

/** Every operation of the API. */
export const OPERATIONS = {
  createCapsule: { method: "POST", path: "/v1/capsules", idempotency: "with_key" },
  destroyCapsule: { method: "DELETE", path: "/v1/capsules/{id}", idempotency: "idempotent" },
  getCapsule: { method: "GET", path: "/v1/capsules/{id}", idempotency: "safe" },
  getCapsuleNetwork: { method: "GET", path: "/v1/capsules/{id}/network", idempotency: "safe" },
  listCapsules: { method: "GET", path: "/v1/capsules", idempotency: "safe" },
  pauseCapsule: { method: "POST", path: "/v1/capsules/{id}/pause", idempotency: "with_key" },
  pingCapsule: { method: "POST", path: "/v1/capsules/{id}/ping", idempotency: "idempotent" },
  resumeCapsule: { method: "POST", path: "/v1/capsules/{id}/resume", idempotency: "with_key" },
  setCapsuleNetwork: { method: "PATCH", path: "/v1/capsules/{id}/network", idempotency: "idempotent" },
  startCapsule: { method: "POST", path: "/v1/capsules/{id}/start", idempotency: "with_key" },
  stopCapsule: { method: "POST", path: "/v1/capsules/{id}/stop", idempotency: "with_key" },
  exec: { method: "POST", path: "/v1/capsules/{id}/exec", idempotency: "with_key" },
  execStream: { method: "GET", path: "/v1/capsules/{id}/exec/stream", idempotency: "with_key" },
  getProcess: { method: "GET", path: "/v1/capsules/{id}/processes/{selector}", idempotency: "safe" },
  getProcessOutput: { method: "GET", path: "/v1/capsules/{id}/processes/{selector}/output", idempotency: "safe" },
  killProcess: { method: "DELETE", path: "/v1/capsules/{id}/processes/{selector}", idempotency: "with_key" },
  listProcesses: { method: "GET", path: "/v1/capsules/{id}/processes", idempotency: "safe" },
  streamProcess: { method: "GET", path: "/v1/capsules/{id}/processes/{selector}/stream", idempotency: "safe" },
  openTerminal: { method: "GET", path: "/v1/capsules/{id}/pty", idempotency: "safe" },
  listEvents: { method: "GET", path: "/v1/events", idempotency: "safe" },
  streamEvents: { method: "GET", path: "/v1/events/stream", idempotency: "safe" },
  deleteEndpoint: { method: "DELETE", path: "/v1/endpoints/{name}", idempotency: "idempotent" },
  getEndpoint: { method: "GET", path: "/v1/endpoints/{name}", idempotency: "safe" },
  getEndpointBadge: { method: "GET", path: "/{owner}/{name}/badge.svg", idempotency: "safe" },
  getTeamBadge: { method: "GET", path: "/{owner}/badge.svg", idempotency: "safe" },
  importEndpoints: { method: "POST", path: "/v1/endpoints/import", idempotency: "idempotent" },
  listEndpoints: { method: "GET", path: "/v1/endpoints", idempotency: "safe" },
  pauseEndpointSchedule: { method: "POST", path: "/v1/endpoints/{name}/schedule/pause", idempotency: "idempotent" },
  putEndpoint: { method: "PUT", path: "/v1/endpoints/{name}", idempotency: "idempotent" },
  resumeEndpointSchedule: { method: "POST", path: "/v1/endpoints/{name}/schedule/resume", idempotency: "idempotent" },
  callEndpoint: { method: "POST", path: "/v1/{owner}/{name}", idempotency: "with_key" },
  createTicket: { method: "POST", path: "/v1/tickets", idempotency: "idempotent" },
  cancelRun: { method: "DELETE", path: "/v1/runs/{id}", idempotency: "idempotent" },
  getRun: { method: "GET", path: "/v1/runs/{id}", idempotency: "safe" },
  getRunOutput: { method: "GET", path: "/v1/runs/{id}/output", idempotency: "safe" },
  listRuns: { method: "GET", path: "/v1/runs", idempotency: "safe" },
  streamRun: { method: "GET", path: "/v1/runs/{id}/stream", idempotency: "safe" },
  createKey: { method: "POST", path: "/v1/api-keys", idempotency: "with_key" },
  createTeam: { method: "POST", path: "/v1/teams", idempotency: "with_key" },
  listKeys: { method: "GET", path: "/v1/api-keys", idempotency: "safe" },
  listTeams: { method: "GET", path: "/v1/teams", idempotency: "safe" },
  revokeKey: { method: "DELETE", path: "/v1/api-keys/{key_id}", idempotency: "idempotent" },
  getDocs: { method: "GET", path: "/docs", idempotency: "safe" },
  getHealth: { method: "GET", path: "/healthz", idempotency: "safe" },
  getMetrics: { method: "GET", path: "/metrics", idempotency: "safe" },
  getOpenapi: { method: "GET", path: "/openapi.json", idempotency: "safe" },
} as const;

export type OperationId = keyof typeof OPERATIONS;

/** Every code of an error that the server answers, with its HTTP status and whether a repeat can help. */
export const ERRORS = {
  invalid_request: { status: 400, retry: "never", message: "The request is not valid." },
  invalid_offset: { status: 400, retry: "never", message: "The position lies beyond what exists." },
  unauthorized: { status: 401, retry: "never", message: "A valid API key is needed in the X-API-Key header." },
  invalid_signature: { status: 401, retry: "never", message: "The webhook's signature is missing, wrong or too old." },
  forbidden: { status: 403, retry: "never", message: "This key's role does not allow it." },
  not_found: { status: 404, retry: "never", message: "There is no such thing here." },
  method_not_allowed: { status: 405, retry: "never", message: "This path does not take that method." },
  request_timeout: { status: 408, retry: "immediately", message: "The request took too long to arrive." },
  invalid_state: { status: 409, retry: "never", message: "The capsule's state does not allow it." },
  tag_in_use: { status: 409, retry: "never", message: "A running process has that tag." },
  conflict: { status: 409, retry: "never", message: "It exists already." },
  idempotency_in_progress: { status: 409, retry: "after_delay", message: "The first request with this Idempotency-Key is still under way." },
  capsule_gone: { status: 409, retry: "never", message: "The endpoint's capsule does not exist any more." },
  result_expired: { status: 410, retry: "never", message: "It was done, and its output is not kept any more." },
  too_large: { status: 413, retry: "never", message: "The request is too large." },
  unsupported_media_type: { status: 415, retry: "never", message: "Send the body as application/json." },
  idempotency_conflict: { status: 422, retry: "never", message: "This Idempotency-Key was used for another request." },
  upgrade_required: { status: 426, retry: "never", message: "This operation is a WebSocket: connect with an upgrade." },
  quota_exceeded: { status: 429, retry: "after_delay", message: "The team's limit is reached." },
  rate_limited: { status: 429, retry: "after_delay", message: "Too many calls; wait for as long as Retry-After says." },
  queue_full: { status: 429, retry: "after_delay", message: "The endpoint's runs and its queue are full." },
  internal_error: { status: 500, retry: "indeterminate", message: "Something went wrong on the server." },
  transform_failed: { status: 502, retry: "never", message: "The transformer could not read the command's output." },
  run_failed: { status: 502, retry: "indeterminate", message: "The run came to no process, or its end was not seen." },
  agent_error: { status: 502, retry: "indeterminate", message: "The capsule's agent did not answer as it should." },
  host_full: { status: 503, retry: "after_delay", message: "The host has no room for another capsule." },
  process_limit: { status: 503, retry: "after_delay", message: "The capsule has reached its limit of processes." },
  unavailable: { status: 503, retry: "after_delay", message: "The server cannot reach its database at the moment." },
  shutting_down: { status: 503, retry: "after_delay", message: "The server is shutting down." },
  timeout: { status: 504, retry: "never", message: "The command ran into its timeout and was killed." },
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** Codes that come over a socket only. */
export const STREAM_ERROR_CODES = ["spawn_failed","cwd_not_found","bad_message","bad_first_message","first_message_late","stdin_full","slow_consumer","terminal_not_found","user_not_found","server_stopping"] as const;

export type StreamErrorCode = (typeof STREAM_ERROR_CODES)[number];

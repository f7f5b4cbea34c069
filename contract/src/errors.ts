/**
 * The closed catalogue of errors. A code fixes its HTTP status, who is to blame, whether a retry can help,
 * and the public text used where nothing better is known.
 */

/** Who is to blame; a metric's label and an alert's condition. */
export type Category = "client" | "conflict" | "capacity" | "upstream" | "internal";

/** `indeterminate`: the request was sent on and its outcome is unknown, so it is never repeated by itself. */
export type Retry = "never" | "immediately" | "after_delay" | "indeterminate";

interface CatalogueEntry {
  readonly status: number;
  readonly category: Category;
  readonly retry: Retry;
  readonly message: string;
}

export const ERRORS = {
  invalid_request: { status: 400, category: "client", retry: "never", message: "The request is not valid." },
  invalid_offset: { status: 400, category: "client", retry: "never", message: "The position lies beyond what exists." },
  unauthorized: { status: 401, category: "client", retry: "never", message: "A valid API key is needed in the X-API-Key header." },
  invalid_signature: { status: 401, category: "client", retry: "never", message: "The webhook's signature is missing, wrong or too old." },
  forbidden: { status: 403, category: "client", retry: "never", message: "This key's role does not allow it." },
  not_found: { status: 404, category: "client", retry: "never", message: "There is no such thing here." },
  method_not_allowed: { status: 405, category: "client", retry: "never", message: "This path does not take that method." },
  request_timeout: { status: 408, category: "client", retry: "immediately", message: "The request took too long to arrive." },
  invalid_state: { status: 409, category: "conflict", retry: "never", message: "The capsule's state does not allow it." },
  tag_in_use: { status: 409, category: "conflict", retry: "never", message: "A running process has that tag." },
  conflict: { status: 409, category: "conflict", retry: "never", message: "It exists already." },
  name_reserved: { status: 409, category: "conflict", retry: "never", message: "A template that every team has is named so." },
  template_name_taken: { status: 409, category: "conflict", retry: "never", message: "The team has a template of that name." },
  idempotency_in_progress: {
    status: 409,
    category: "conflict",
    retry: "after_delay",
    message: "The first request with this Idempotency-Key is still under way.",
  },
  capsule_gone: { status: 409, category: "conflict", retry: "never", message: "The endpoint's capsule does not exist any more." },
  result_expired: { status: 410, category: "client", retry: "never", message: "It was done, and its output is not kept any more." },
  too_large: { status: 413, category: "client", retry: "never", message: "The request is too large." },
  unsupported_media_type: { status: 415, category: "client", retry: "never", message: "Send the body as application/json." },
  range_not_satisfiable: { status: 416, category: "client", retry: "never", message: "The file has no such range of bytes." },
  idempotency_conflict: { status: 422, category: "client", retry: "never", message: "This Idempotency-Key was used for another request." },
  upgrade_required: { status: 426, category: "client", retry: "never", message: "This operation is a WebSocket: connect with an upgrade." },
  quota_exceeded: { status: 429, category: "capacity", retry: "after_delay", message: "The team's limit is reached." },
  rate_limited: {
    status: 429,
    category: "capacity",
    retry: "after_delay",
    message: "Too many calls; wait for as long as Retry-After says.",
  },
  queue_full: { status: 429, category: "capacity", retry: "after_delay", message: "The endpoint's runs and its queue are full." },
  queue_timeout: {
    status: 429,
    category: "capacity",
    retry: "after_delay",
    message: "The endpoint's other runs took so long that this one's turn did not come.",
  },
  internal_error: { status: 500, category: "internal", retry: "indeterminate", message: "Something went wrong on the server." },
  transform_failed: { status: 502, category: "upstream", retry: "never", message: "The transformer could not read the command's output." },
  run_failed: {
    status: 502,
    category: "upstream",
    retry: "indeterminate",
    message: "The run came to no process, or its end was not seen.",
  },
  agent_error: { status: 502, category: "upstream", retry: "indeterminate", message: "The capsule's agent did not answer as it should." },
  port_unavailable: {
    status: 502,
    category: "client",
    retry: "after_delay",
    message: "Nothing listens on this port of the capsule.",
  },
  host_full: { status: 503, category: "capacity", retry: "after_delay", message: "The host has no room for another capsule." },
  process_limit: { status: 503, category: "capacity", retry: "after_delay", message: "The capsule has reached its limit of processes." },
  connection_limit: {
    status: 503,
    category: "capacity",
    retry: "after_delay",
    message: "As many connections to ports of capsules are open as the server takes.",
  },
  unavailable: { status: 503, category: "upstream", retry: "after_delay", message: "The server cannot reach its database at the moment." },
  shutting_down: { status: 503, category: "capacity", retry: "after_delay", message: "The server is shutting down." },
  disk_full: { status: 507, category: "capacity", retry: "never", message: "The capsule's disk has no room for it; nothing was written." },
  timeout: { status: 504, category: "client", retry: "never", message: "The command ran into its timeout and was killed." },
} as const satisfies Record<string, CatalogueEntry>;

export type ErrorCode = keyof typeof ERRORS;

export const ERROR_CODES = Object.keys(ERRORS).filter((code): code is ErrorCode => code in ERRORS);

/** Codes of an `error` message on a socket whose upgrade succeeded; beside the catalogue's own. */
export const STREAM_ERROR_CODES = [
  "spawn_failed",
  "cwd_not_found",
  "bad_message",
  "bad_first_message",
  "first_message_late",
  "stdin_full",
  "stdin_gap",
  "slow_consumer",
  "capsule_gone",
  "terminal_not_found",
  "output_gap",
  "user_not_found",
  "server_stopping",
] as const;

export type StreamErrorCode = (typeof STREAM_ERROR_CODES)[number] | ErrorCode;

/** Close codes of our sockets, by name. 4000 and above are ours. */
export const CLOSE_CODES = {
  done: 1000,
  server_stopping: 1001,
  key_revoked: 1008,
  too_big: 1009,
  internal: 1011,
  slow_consumer: 4000,
  capsule_gone: 4001,
  bad_first_message: 4002,
  first_message_late: 4003,
} as const;

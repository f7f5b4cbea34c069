// Made from the contract by `npm run generate`. Change the contract, not this file.

export type Actor = {
  type: "api_key";
  /** The API key. */
  id: string;
} | {
  type: "system";
  id: "expire" | "reconcile" | "recover" | "driver" | "endpoint" | "port";
};

export interface ApiKey {
  id: string;
  team_id: string;
  name: string;
  role: "admin" | "member";
  /** The first ten characters of the key. */
  key_prefix: string;
  /** ISO 8601, with zone. */
  created_at: string;
  /** Precise to about a minute. */
  last_used: string | null;
}

export interface ApiKeyCreate {
  /** `Unnamed API key` by default. */
  name?: string | undefined;
  /** Default: `"member"`. */
  role?: "admin" | "member" | undefined;
}

export interface ApiKeyCreated {
  id: string;
  team_id: string;
  name: string;
  role: "admin" | "member";
  /** The first ten characters of the key. */
  key_prefix: string;
  /** ISO 8601, with zone. */
  created_at: string;
  /** Precise to about a minute. */
  last_used: string | null;
  /** The key itself: shown this once. */
  key: string;
}

export interface BuildFailure {
  /** Index of the step, as in the log. */
  step: number;
  /** What it was to do. */
  command: string;
  /** null where it did not come to an exit. */
  exit_code: number | null;
  /** What it printed last. */
  last_lines: string;
}

export type BuildLogEntry = {
  type: "step";
  /** 0 is the base. */
  step: number;
  command: string;
  state: "started" | "cached" | "done" | "failed";
  duration_ms?: number | undefined;
  exit_code?: number | undefined;
} | {
  type: "output";
  /** 0 is the base. */
  step: number;
  stream: "stdout" | "stderr";
  data: string;
} | {
  type: "gap";
  /** 0 is the base. */
  step: number;
  /** What was printed beyond the log's bound, and is not in it. */
  bytes: number;
} | {
  type: "end";
  state: "ready" | "failed" | "cancelled";
  reason: "step_failed" | "step_timed_out" | "timed_out" | "cancelled" | "server_lost" | "disk_full" | "host_full" | "base_failed" | "capsule_lost" | "user_not_found" | "name_taken" | "quota_exceeded" | "internal_error" | null;
  message: string | null;
  error: BuildFailure | null;
};

export interface CallAccepted {
  run_id: string;
  status: "queued" | "running" | "succeeded" | "failed" | "timed_out" | "cancelled" | "missed" | "error";
}

export type CallArguments = Record<string, string | number | boolean | null>;

export type CallEvent = {
  type: "output";
  /** One line, without its end. */
  data: string;
  stream: "stdout" | "stderr";
  /** The line goes on in the next event: it is longer than the bound. */
  partial?: boolean | undefined;
  /** The line is no text; `data` is base64. */
  encoding?: "base64" | undefined;
} | {
  type: "transformed_output";
  data: unknown;
} | {
  type: "gap";
  stdout_bytes: number;
  /** Bytes that are not kept any more. */
  stderr_bytes: number;
} | {
  type: "done";
  exit_code: number;
  duration_ms: number;
  run_id: string;
  reason: "exited" | "signaled" | "oom_killed" | "timed_out" | "killed" | "stopped" | "client_gone" | "server_lost" | "spawn_failed" | "capsule_stopped" | "capsule_destroyed" | "agent_lost" | "host_restarted" | "cancelled" | "capsule_gone" | "boot_failed" | "host_full" | "not_started" | "overlapped" | "missed" | "queue_timeout" | "unavailable";
  signal: string | null;
  stdout_bytes: number;
  stderr_bytes: number;
} | {
  type: "error";
  error: string;
  run_id: string;
  reason: "exited" | "signaled" | "oom_killed" | "timed_out" | "killed" | "stopped" | "client_gone" | "server_lost" | "spawn_failed" | "capsule_stopped" | "capsule_destroyed" | "agent_lost" | "host_restarted" | "cancelled" | "capsule_gone" | "boot_failed" | "host_full" | "not_started" | "overlapped" | "missed" | "queue_timeout" | "unavailable" | null;
};

export interface CallIgnored {
  ignored: true;
  event: string | null;
}

export interface CallResult {
  /** Both streams, without a transformer. */
  output?: string | undefined;
  /** What the transformer made of standard output. */
  data?: unknown;
  exit_code: number;
  run_id: string;
  duration_ms: number;
  reason: "exited" | "signaled" | "oom_killed" | "timed_out" | "killed" | "stopped" | "client_gone" | "server_lost" | "spawn_failed" | "capsule_stopped" | "capsule_destroyed" | "agent_lost" | "host_restarted" | "cancelled" | "capsule_gone" | "boot_failed" | "host_full" | "not_started" | "overlapped" | "missed" | "queue_timeout" | "unavailable";
  signal: string | null;
  /** Set to `base64` where the output is no text. */
  output_encoding?: "utf-8" | "base64" | undefined;
  /** Set where there is more than the answer holds: `/v1/runs/{id}` has it. */
  output_truncated?: boolean | undefined;
}

export interface Capsule {
  id: string;
  status: "pending" | "starting" | "running" | "paused" | "stopped" | "error";
  template: string;
  vcpus: number;
  memory_mb: number;
  disk_mb: number;
  /** Inactivity TTL in seconds; 0 means that it is never paused. */
  timeout_sec: number;
  /** ISO 8601, with zone. */
  created_at: string;
  /** When it last reached `running`; null if it never booted. */
  started_at: string | null;
  last_active_at: string | null;
  /** The most recent change of status. */
  last_updated: string;
  /** When it last ceased to run; null while it runs. */
  ended_at: string | null;
  name: string | null;
  metadata: Record<string, string>;
  /** Names of the capsule's own variables; values are never returned. */
  env_names: string[];
  /** Why it is `stopped` or `error`. */
  reason: "destroyed" | "stopped" | "host_restarted" | "agent_lost" | "boot_failed" | null;
  /** The reason in words, with what is known about it; while it is `pending`, how far the build is that it waits for. */
  message: string | null;
  /** What its memory was like when it last ended; null while it runs. */
  evidence: MemoryEvidence | null;
  network: Network;
  /** Ports that anybody may reach. */
  public_ports: number[];
  /** Whether a request to one of its ports wakes it when it is paused. */
  auto_resume: boolean;
  /** Whether `POST …/start` can boot it again from its disk. */
  startable: boolean;
}

export interface CapsuleCreate {
  /** What the file system starts from. Default: `"minimal"`. */
  template?: string | undefined;
  /** Cores; at most what the host has. Left out: what a template of yours was made with, else 1. */
  vcpus?: number | undefined;
  /** Memory in MiB; at most what the host has. Left out: what a template of yours was made with, else 512. */
  memory_mb?: number | undefined;
  /** What the capsule may write to disk, in MiB. Left out: what a template of yours was made with, else 5120. */
  disk_mb?: number | undefined;
  /** Inactivity TTL in seconds after which it is paused; 0, the default, is never. */
  timeout_sec?: number | undefined;
  /** The same as `timeout_sec`. */
  timeout?: number | undefined;
  /** Variables of every process started through the API. Kept encrypted; only names are returned. */
  envs?: Record<string, string> | undefined;
  metadata?: Record<string, string> | undefined;
  /** Unique among the team's capsules that are not destroyed. Without control characters, `/` and `:`; not beginning with `cl-`, `.` or `-`; no space at its ends; not `stats` or `usage`. */
  name?: string | undefined;
  /** Where it may connect to; left out, the internet (`allow`) where this host can give capsules a network, else nowhere (`none`). */
  network?: NetworkPolicy | undefined;
  public_ports?: number[] | undefined;
  /** Whether a request to one of its ports wakes it when it is paused; else such a request is a 409. Default: `false`. */
  auto_resume?: boolean | undefined;
  /** Milliseconds to wait for `running` before answering with the status so far. Default: `4000`. */
  wait_ms?: number | undefined;
}

export interface CapsuleMetrics {
  /** The capsule's id. */
  sandbox_id: string;
  range: "5m" | "10m" | "1h" | "2h" | "6h" | "12h" | "24h";
  points: MetricsPoint[];
}

export interface CapsulePage {
  items: Capsule[];
  next_cursor: string | null;
}

export interface CapsulePort {
  port: number;
  public: boolean;
  /** Where it is reached: its own host name, or a path of the API where no domain is set for ports. */
  url: string;
}

export interface CapsuleStats {
  range: "5m" | "1h" | "6h" | "24h" | "30d";
  current: {
    running_count: number;
    /** Of running capsules together. */
    vcpus_reserved: number;
    memory_mb_reserved: number;
  };
  /** Of the last 30 days, or since the server's start. */
  peaks: {
    running_count: number;
    vcpus: number;
    memory_mb: number;
  };
  /** Arrays of one length, oldest first; the most since the label before. */
  series: {
    labels: string[];
    running: number[];
    vcpus: number[];
    memory_mb: number[];
  };
}

/** Where the capsule may connect to: nowhere, the internet, or what is listed. Private, link-local, loopback, shared and multicast ranges and cloud metadata are refused whatever a name resolves to, unless a CIDR or address that lies within such a range is listed; the host itself and other capsules always are. */
export type Egress = "none" | "allow" | {
  /** Addresses, CIDRs, domain names and `*.domain`, each with its ports if not all. */
  allow: Array<string | {
    to: string;
    ports?: Array<number | string> | undefined;
  }>;
};

export interface Endpoint {
  id: string;
  name: string;
  /** Path of the call, `/v1/{owner}/{name}`. */
  url: string;
  method: Array<"GET" | "POST" | "PUT" | "PATCH" | "DELETE">;
  description?: string | undefined;
  /** Split once, by POSIX quoting; `{{name}}` within a word is replaced by that argument. No shell. */
  command: string;
  /** Give `command` to `sh -c`; arguments are environment variables then, never text of the command. */
  shell: boolean;
  args: SetArg[];
  /** Seconds until the process tree is killed; at most the server's own bound. */
  timeout: number;
  working_dir?: string | undefined;
  /** Anyone may call it, without a key. */
  public: boolean;
  trigger: "http" | "webhook";
  async: boolean;
  /** A public webhook without a secret: anyone who knows the URL runs it. */
  unsigned: boolean;
  webhook_source: "github" | "stripe" | "shopify" | "generic";
  /** Events that run it; all when empty. */
  webhook_events?: string[] | undefined;
  transformer?: SetTransformer | undefined;
  /** Five fields of cron. */
  schedule?: string | undefined;
  /** IANA time zone of `schedule`. */
  timezone: string;
  /** Start a scheduled run while the one before still runs. */
  overlap: boolean;
  /** Gets a signed POST after each run. */
  notify_url?: string | undefined;
  notify_on: "always" | "success" | "failure";
  /** Keep arguments out of the run's record, and output out of notifications. */
  sensitive: boolean;
  /** A fresh capsule from it for each run, destroyed after it; `minimal` by default. */
  template?: string | undefined;
  /** Run in this capsule instead; a paused one is resumed. */
  capsule?: string | undefined;
  /** Of a fresh capsule. */
  vcpus?: number | undefined;
  /** Of a fresh capsule. */
  memory_mb?: number | undefined;
  /** `body`: the request's body; arguments come from the query then. */
  stdin: "none" | "body";
  /** Runs at once; more wait in a bounded queue, and beyond it get 429. */
  max_concurrency?: number | undefined;
  /** What becomes of the run when its caller leaves. */
  on_disconnect: "continue" | "kill";
  has_secret: boolean;
  env_names: string[];
  schedule_paused: boolean;
  /** When the schedule runs it next. */
  next_run_at: string | null;
  /** ISO 8601, with zone. */
  created_at: string;
  /** ISO 8601, with zone. */
  updated_at: string;
  /** Goes up with each change. */
  version: number;
  /** What notifications are signed with, by Standard Webhooks; for an admin's key. */
  notify_secret?: string | undefined;
}

export interface EndpointArg {
  name: string;
  /** Default: `false`. */
  required?: boolean | undefined;
  /** Used when the caller leaves it out. */
  default?: string | number | boolean | undefined;
  description?: string | undefined;
  /** Default: `"string"`. */
  type?: "string" | "integer" | "number" | "boolean" | undefined;
  /** The only values taken. */
  enum?: Array<string | number | boolean> | undefined;
  /** A regular expression that the whole value must match; for strings. */
  pattern?: string | undefined;
  /** Characters; for strings. */
  max_length?: number | undefined;
  /** Passed before the value: `--count` gives two arguments, `--count=` one. A boolean gives the flag alone, when true. */
  flag?: string | undefined;
}

export interface EndpointList {
  items: Endpoint[];
  /** Give it as `cursor` for the next page; null at the end. */
  next_cursor: string | null;
}

export interface EndpointPut {
  /** GET and POST by default. */
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | Array<"GET" | "POST" | "PUT" | "PATCH" | "DELETE"> | undefined;
  description?: string | undefined;
  /** Split once, by POSIX quoting; `{{name}}` within a word is replaced by that argument. No shell. */
  command: string;
  /** Give `command` to `sh -c`; arguments are environment variables then, never text of the command. Default: `false`. */
  shell?: boolean | undefined;
  args?: EndpointArg[] | undefined;
  /** Seconds until the process tree is killed; at most the server's own bound. Default: `60`. */
  timeout?: number | undefined;
  working_dir?: string | undefined;
  /** Anyone may call it, without a key. Default: `false`. */
  public?: boolean | undefined;
  /** Default: `"http"`. */
  trigger?: "http" | "webhook" | undefined;
  /** Answer 202 with the run's id at once. A webhook does by default. */
  async?: boolean | undefined;
  /** What a webhook is signed with; several while one is exchanged. `$NAME` means the variable of `envs`. Never given back. */
  secret?: string | string[] | undefined;
  /** A public webhook without a secret: anyone who knows the URL runs it. Default: `false`. */
  unsigned?: boolean | undefined;
  /** Default: `"generic"`. */
  webhook_source?: "github" | "stripe" | "shopify" | "generic" | undefined;
  /** Events that run it; all when empty. */
  webhook_events?: string[] | undefined;
  transformer?: Transformer | undefined;
  /** Five fields of cron. */
  schedule?: string | undefined;
  /** IANA time zone of `schedule`. Default: `"UTC"`. */
  timezone?: string | undefined;
  /** Start a scheduled run while the one before still runs. Default: `false`. */
  overlap?: boolean | undefined;
  /** Gets a signed POST after each run. */
  notify_url?: string | undefined;
  /** Default: `"always"`. */
  notify_on?: "always" | "success" | "failure" | undefined;
  /** Keep arguments out of the run's record, and output out of notifications. Default: `false`. */
  sensitive?: boolean | undefined;
  /** A fresh capsule from it for each run, destroyed after it; `minimal` by default. */
  template?: string | undefined;
  /** Run in this capsule instead; a paused one is resumed. */
  capsule?: string | undefined;
  /** Of a fresh capsule. */
  vcpus?: number | undefined;
  /** Of a fresh capsule. */
  memory_mb?: number | undefined;
  /** Sealed at rest; given back by name only. */
  envs?: Record<string, string> | undefined;
  /** `body`: the request's body; arguments come from the query then. Default: `"none"`. */
  stdin?: "none" | "body" | undefined;
  /** Runs at once; more wait in a bounded queue, and beyond it get 429. */
  max_concurrency?: number | undefined;
  /** What becomes of the run when its caller leaves. Default: `"continue"`. */
  on_disconnect?: "continue" | "kill" | undefined;
  /** `true` without `secret`: the secret stays as it is. */
  has_secret?: boolean | undefined;
  /** Variables that stay as they are, beside those in `envs`. */
  env_names?: string[] | undefined;
  /** The name in the path, if any. */
  name?: string | undefined;
  /** As GET tells it; not read. */
  id?: unknown;
  /** As GET tells it; not read. */
  url?: unknown;
  /** As GET tells it; not read. */
  schedule_paused?: unknown;
  /** As GET tells it; not read. */
  next_run_at?: unknown;
  /** As GET tells it; not read. */
  created_at?: unknown;
  /** As GET tells it; not read. */
  updated_at?: unknown;
  /** As GET tells it; not read. */
  version?: unknown;
  /** As GET tells it; not read. */
  notify_secret?: unknown;
  /** As GET tells it; not read. */
  warnings?: unknown;
}

export interface Error {
  error: {
    /** What happened, for programs; a closed set. */
    code: "invalid_request" | "invalid_offset" | "unauthorized" | "invalid_signature" | "forbidden" | "not_found" | "method_not_allowed" | "request_timeout" | "invalid_state" | "tag_in_use" | "conflict" | "name_reserved" | "template_name_taken" | "idempotency_in_progress" | "capsule_gone" | "result_expired" | "too_large" | "unsupported_media_type" | "range_not_satisfiable" | "idempotency_conflict" | "upgrade_required" | "quota_exceeded" | "rate_limited" | "queue_full" | "queue_timeout" | "internal_error" | "transform_failed" | "run_failed" | "agent_error" | "port_unavailable" | "host_full" | "process_limit" | "connection_limit" | "unavailable" | "shutting_down" | "disk_full" | "timeout";
    /** What happened, for people. */
    message: string;
    /** The same as the header X-Request-Id; the server's log has it. */
    request_id: string;
    /** Facts beside the code, e.g. `problems`: each bad field with what is wrong. */
    details?: Record<string, unknown> | undefined;
  };
}

export type Event = {
  /** Goes up with each event of the installation; the position to resume from. */
  id: number;
  /** ISO 8601, with zone. */
  time: string;
  capsule_id: string;
  process_id: string | null;
  /** Who caused it: a key, or a part of the server. */
  actor: Actor;
  type: "capsule.created";
  data: {
    template: string;
    vcpus: number;
    memory_mb: number;
    disk_mb: number;
    timeout_sec: number;
    name: string | null;
  };
} | {
  /** Goes up with each event of the installation; the position to resume from. */
  id: number;
  /** ISO 8601, with zone. */
  time: string;
  capsule_id: string;
  process_id: string | null;
  /** Who caused it: a key, or a part of the server. */
  actor: Actor;
  type: "capsule.running";
  data: Record<string, unknown>;
} | {
  /** Goes up with each event of the installation; the position to resume from. */
  id: number;
  /** ISO 8601, with zone. */
  time: string;
  capsule_id: string;
  process_id: string | null;
  /** Who caused it: a key, or a part of the server. */
  actor: Actor;
  type: "capsule.paused";
  data: Record<string, unknown>;
} | {
  /** Goes up with each event of the installation; the position to resume from. */
  id: number;
  /** ISO 8601, with zone. */
  time: string;
  capsule_id: string;
  process_id: string | null;
  /** Who caused it: a key, or a part of the server. */
  actor: Actor;
  type: "capsule.resumed";
  data: Record<string, unknown>;
} | {
  /** Goes up with each event of the installation; the position to resume from. */
  id: number;
  /** ISO 8601, with zone. */
  time: string;
  capsule_id: string;
  process_id: string | null;
  /** Who caused it: a key, or a part of the server. */
  actor: Actor;
  type: "capsule.stopped";
  data: {
    reason: "destroyed" | "stopped" | "host_restarted" | "agent_lost" | "boot_failed";
    /** The reason in words. */
    message: string | null;
    /** What its memory was like; null where nobody could look any more. */
    evidence: MemoryEvidence | null;
  };
} | {
  /** Goes up with each event of the installation; the position to resume from. */
  id: number;
  /** ISO 8601, with zone. */
  time: string;
  capsule_id: string;
  process_id: string | null;
  /** Who caused it: a key, or a part of the server. */
  actor: Actor;
  type: "capsule.error";
  data: {
    reason: "destroyed" | "stopped" | "host_restarted" | "agent_lost" | "boot_failed";
    /** The reason in words. */
    message: string | null;
    /** What its memory was like; null where nobody could look any more. */
    evidence: MemoryEvidence | null;
  };
} | {
  /** Goes up with each event of the installation; the position to resume from. */
  id: number;
  /** ISO 8601, with zone. */
  time: string;
  capsule_id: string;
  process_id: string | null;
  /** Who caused it: a key, or a part of the server. */
  actor: Actor;
  type: "capsule.destroyed";
  data: {
    reason: "destroyed" | "stopped" | "host_restarted" | "agent_lost" | "boot_failed";
    /** The reason in words. */
    message: string | null;
    /** What its memory was like; null where nobody could look any more. */
    evidence: MemoryEvidence | null;
  };
} | {
  /** Goes up with each event of the installation; the position to resume from. */
  id: number;
  /** ISO 8601, with zone. */
  time: string;
  capsule_id: string;
  process_id: string | null;
  /** Who caused it: a key, or a part of the server. */
  actor: Actor;
  type: "process.started";
  data: {
    pid: number;
    tag: string;
    cmd: string;
    args: string[];
    /** ISO 8601, with zone. */
    started_at: string;
  };
} | {
  /** Goes up with each event of the installation; the position to resume from. */
  id: number;
  /** ISO 8601, with zone. */
  time: string;
  capsule_id: string;
  process_id: string | null;
  /** Who caused it: a key, or a part of the server. */
  actor: Actor;
  type: "process.ended";
  data: {
    pid: number;
    tag: string;
    cmd: string;
    args: string[];
    /** ISO 8601, with zone. */
    started_at: string;
    /** ISO 8601, with zone. */
    ended_at: string;
    /** Why it ended. */
    reason: "exited" | "signaled" | "oom_killed" | "timed_out" | "killed" | "stopped" | "client_gone" | "server_lost" | "spawn_failed" | "capsule_stopped" | "capsule_destroyed" | "agent_lost" | "host_restarted";
    /** 128 + the signal's number for a death by signal; null when nobody saw the end (`agent_lost`, `host_restarted`). */
    exit_code: number | null;
    signal: string | null;
    /** Who asked for its end: a key's id, `timeout`, `client`, or a part of the server. */
    requested: {
      by: string;
      signal: string;
    } | null;
    /** Processes of the capsule that ran out of memory while it ran. */
    oom_kills: number | null;
    duration_ms: number | null;
    /** null when nobody saw the end (`agent_lost`, `host_restarted`). */
    stdout_bytes: number | null;
    stderr_bytes: number | null;
    late_bytes: number | null;
    /** Of all bytes of the stream, in hex. */
    stdout_sha256: string | null;
    stderr_sha256: string | null;
    /** The capsule's memory, where it was its end. */
    evidence: MemoryEvidence | null;
  };
};

export interface EventGap {
  /** The first position that is gone. */
  from_id: number;
  /** The last one; reading goes on after it. */
  to_id: number;
}

export interface EventPage {
  items: Event[];
  /** Give it as `cursor` for the next page; null at the end. */
  next_cursor: string | null;
}

export interface ExecRequest {
  /** The program: a path, or a name looked up in PATH. No shell is added. */
  cmd: string;
  /** Its arguments, passed as they are. */
  args?: string[] | undefined;
  /** Variables on top of the capsule's own; these win. */
  envs?: Record<string, string> | undefined;
  /** Working directory; relative and `~` mean the home directory. `/root` by default. */
  cwd?: string | undefined;
  /** Your name for the process, unique among the capsule's live ones. */
  tag?: string | undefined;
  /** `base64` asks for lossless output whatever the bytes. */
  encoding?: "utf-8" | "base64" | undefined;
  timeout?: number | undefined;
  /** Seconds until the process tree is killed; 0 is never. */
  timeout_sec?: number | undefined;
  /** Answer 202 at once and leave the process running. */
  background?: boolean | undefined;
  /** Background only: the process counts as activity while it runs. */
  busy?: boolean | undefined;
  /** Foreground only: what the process reads from its standard input. */
  stdin?: string | undefined;
  /** How `stdin` is written here; `utf-8` by default. */
  stdin_encoding?: "utf-8" | "base64" | undefined;
}

export interface ExecResult {
  stdout: string;
  stderr: string;
  exit_code: number;
  duration_ms: number;
  /** Of stdout and stderr both. */
  encoding: "utf-8" | "base64";
  id: string;
  /** null when it could not start. */
  pid: number | null;
  /** Why it ended. */
  reason: "exited" | "signaled" | "oom_killed" | "timed_out" | "killed" | "stopped" | "client_gone" | "server_lost" | "spawn_failed" | "capsule_stopped" | "capsule_destroyed" | "agent_lost" | "host_restarted";
  /** The signal it died by, e.g. `SIGKILL`; the exit code is then 128 + its number. */
  signal: string | null;
  /** How many processes of the capsule ran out of memory while it ran. */
  oom_kills: number;
  /** Who asked for its end. */
  requested: {
    by: string;
    signal: string;
  } | null;
  stdout_bytes: number;
  stderr_bytes: number;
  /** Bytes that descendants printed after its end; not kept. */
  late_bytes: number;
  /** Of all `stdout_bytes` of the stream, in hex; null where that is not known any more. */
  stdout_sha256: string | null;
  stderr_sha256: string | null;
  /** The capsule's memory, where it was the end of the command. */
  evidence: MemoryEvidence | null;
  stdout_truncated: boolean;
  stderr_truncated: boolean;
}

export interface ExecStarted {
  pid: number;
  tag: string;
  id: string;
}

export interface FileEntry {
  name: string;
  path: string;
  /** Of the path itself. What is none of these counts as a file, see `special`. */
  type: "file" | "directory" | "symlink";
  /** Set where it is no file with bytes. */
  special?: "fifo" | "socket" | "character_device" | "block_device" | undefined;
  size: number;
  /** Permission bits, e.g. 420 for octal 644. */
  mode: number;
  /** As `ls -l` has them, e.g. `-rw-r--r--`. */
  permissions: string;
  uid: number;
  gid: number;
  owner: string;
  group: string;
  /** Unix seconds. */
  modified_at: number;
  /** Unix milliseconds. */
  modified_at_ms: number;
  symlink_target?: string | undefined;
  /** What a link leads to in the end; null where that does not exist. */
  target_type?: "file" | "directory" | "symlink" | undefined;
  /** A directory whose entries could not be read. */
  unreadable?: boolean | undefined;
  /** The name itself where it is no UTF-8; `name` then has U+FFFD in it. */
  name_base64?: string | undefined;
  path_base64?: string | undefined;
  symlink_target_base64?: string | undefined;
}

export interface FilePage {
  /** What is in a directory by its bytes; what is below a directory right behind it. */
  entries: FileEntry[];
  /** null: there are no more. */
  next_cursor: string | null;
}

export interface FileUpload {
  path?: string | undefined;
  /** The file's bytes. Parts may come in any order. */
  file: string;
}

export interface ForkCreate {
  /** Capsules to make. Default: `1`. */
  count?: number | undefined;
  /** Name of the fork; of several, this with `-1`, `-2` and so on. As with create, unique among the team's capsules. */
  name?: string | undefined;
  /** Milliseconds to wait for `running` before answering with the status so far. Default: `4000`. */
  wait_ms?: number | undefined;
}

export interface Forks {
  capsules: Capsule[];
}

export interface ImportResult {
  applied: boolean;
  changes: Array<{
    name: string;
    change: "create" | "update" | "unchanged" | "delete";
    /** The fields that differ, for `update`. */
    fields: string[];
  }>;
  warnings: Array<{
    line: number;
    column: number;
    path: string;
    message: string;
  }>;
}

export interface ListeningPort {
  port: number;
  /** What it listens on, like `127.0.0.1`, `0.0.0.0` or `::`. */
  address: string;
  /** The process that listens; null where that cannot be seen. */
  pid: number | null;
  public: boolean;
  /** Where it is reached: its own host name, or a path of the API where no domain is set for ports. */
  url: string;
}

export interface MemoryEvidence {
  memory_limit_bytes: number;
  /** The most it ever used. */
  memory_peak_bytes: number;
  /** Processes that its kernel limit has killed since it booted. */
  oom_kills: number;
}

export interface MetricsPoint {
  /** Seconds. */
  timestamp_unix: number;
  /** Of all its cores together, 0 to 100; the average since the point before. */
  cpu_pct: number;
  /** What its processes use, and what they have read and written as far as it is kept in memory; the most since the point before. */
  mem_bytes: number;
  /** What it has on disk beside what it shares; null where disks have no limit. */
  disk_bytes: number | null;
}

export interface Network {
  egress: "none" | "allow" | {
    allow: Array<{
      to: string;
      /** None: all ports and protocols. */
      ports: string[];
    }>;
  };
}

export interface NetworkDecision {
  decision: "allowed" | "refused";
  address: string;
  /** `tcp`, `udp`, `icmp`, … */
  protocol: string;
  /** 0 for protocols without ports. */
  port: number;
  packets: number;
  /** When it was last decided so, to the second. */
  last_at: string;
}

export interface NetworkPolicy {
  egress: Egress;
}

export interface NetworkReport {
  egress: "none" | "allow" | {
    allow: Array<{
      to: string;
      /** None: all ports and protocols. */
      ports: string[];
    }>;
  };
  /** The capsule's own address on its host; null while it has no machine, or no network. */
  address: string | null;
  /** Null while it has no machine, or no network. */
  allowed: {
    /** First packets of connections where allowed, every packet where refused. */
    packets: number;
    bytes: number;
  } | null;
  refused: {
    /** First packets of connections where allowed, every packet where refused. */
    packets: number;
    bytes: number;
  } | null;
  /** Latest first, at most 256 of each decision; null unless asked for. */
  log: NetworkDecision[] | null;
}

export interface Notification {
  status: "pending" | "delivered" | "failed";
  attempts: number;
  /** HTTP status of the last attempt. */
  last_status: number | null;
  last_error: string | null;
  next_attempt_at: string | null;
}

export interface OutputPage {
  data: string;
  /** `base64` when the bytes are no whole UTF-8 text. */
  encoding: "utf-8" | "base64";
  /** Offset of the first byte; later than asked for when the earlier ones are not kept any more. */
  from: number;
  /** Offset to go on from. */
  next: number;
  /** Bytes that were asked for and are not kept any more. */
  gap_bytes: number;
  /** Bytes of the stream so far. */
  total: number;
  /** Whether the process has ended: nothing comes after `total`. */
  ended: boolean;
}

export interface PortAccess {
  /** `true`: anybody may reach it. `false`: a key of the team or a link is needed. */
  public: boolean;
}

export interface PortList {
  ports: ListeningPort[];
}

export interface PortUrl {
  /** On the port's own host name; opening it leaves a cookie there and goes on without the token. */
  url: string;
  /** For the parameter `capsuled_token` of any request to this port. */
  token: string;
  /** ISO 8601, with zone. */
  expires_at: string;
}

export interface Process {
  pid: number;
  /** `""` when it has none. */
  tag: string;
  cmd: string;
  args: string[];
  /** null when it was not started through the API. */
  id: string | null;
  ppid: number;
  started_at: string;
}

export interface ProcessFacts {
  id: string;
  capsule_id: string;
  pid: number;
  tag: string;
  cmd: string;
  args: string[];
  running: boolean;
  /** ISO 8601, with zone. */
  started_at: string;
  ended_at: string | null;
  /** Why it ended; null while it runs. */
  reason: "exited" | "signaled" | "oom_killed" | "timed_out" | "killed" | "stopped" | "client_gone" | "server_lost" | "spawn_failed" | "capsule_stopped" | "capsule_destroyed" | "agent_lost" | "host_restarted" | null;
  /** 128 + the signal's number for a death by signal; null when nobody saw the end (`agent_lost`, `host_restarted`). */
  exit_code: number | null;
  signal: string | null;
  /** Who asked for its end: a key's id, `timeout`, `client`, or a part of the server. */
  requested: {
    by: string;
    signal: string;
  } | null;
  /** Processes of the capsule that ran out of memory while it ran. */
  oom_kills: number | null;
  duration_ms: number | null;
  /** null when nobody saw the end (`agent_lost`, `host_restarted`). */
  stdout_bytes: number | null;
  stderr_bytes: number | null;
  late_bytes: number | null;
  /** Of all bytes of the stream, in hex. */
  stdout_sha256: string | null;
  stderr_sha256: string | null;
  /** The capsule's memory, where it was its end. */
  evidence: MemoryEvidence | null;
}

export interface PutResult {
  id: string;
  name: string;
  /** Path of the call, `/v1/{owner}/{name}`. */
  url: string;
  method: Array<"GET" | "POST" | "PUT" | "PATCH" | "DELETE">;
  description?: string | undefined;
  /** Split once, by POSIX quoting; `{{name}}` within a word is replaced by that argument. No shell. */
  command: string;
  /** Give `command` to `sh -c`; arguments are environment variables then, never text of the command. */
  shell: boolean;
  args: SetArg[];
  /** Seconds until the process tree is killed; at most the server's own bound. */
  timeout: number;
  working_dir?: string | undefined;
  /** Anyone may call it, without a key. */
  public: boolean;
  trigger: "http" | "webhook";
  async: boolean;
  /** A public webhook without a secret: anyone who knows the URL runs it. */
  unsigned: boolean;
  webhook_source: "github" | "stripe" | "shopify" | "generic";
  /** Events that run it; all when empty. */
  webhook_events?: string[] | undefined;
  transformer?: SetTransformer | undefined;
  /** Five fields of cron. */
  schedule?: string | undefined;
  /** IANA time zone of `schedule`. */
  timezone: string;
  /** Start a scheduled run while the one before still runs. */
  overlap: boolean;
  /** Gets a signed POST after each run. */
  notify_url?: string | undefined;
  notify_on: "always" | "success" | "failure";
  /** Keep arguments out of the run's record, and output out of notifications. */
  sensitive: boolean;
  /** A fresh capsule from it for each run, destroyed after it; `minimal` by default. */
  template?: string | undefined;
  /** Run in this capsule instead; a paused one is resumed. */
  capsule?: string | undefined;
  /** Of a fresh capsule. */
  vcpus?: number | undefined;
  /** Of a fresh capsule. */
  memory_mb?: number | undefined;
  /** `body`: the request's body; arguments come from the query then. */
  stdin: "none" | "body";
  /** Runs at once; more wait in a bounded queue, and beyond it get 429. */
  max_concurrency?: number | undefined;
  /** What becomes of the run when its caller leaves. */
  on_disconnect: "continue" | "kill";
  has_secret: boolean;
  env_names: string[];
  schedule_paused: boolean;
  /** When the schedule runs it next. */
  next_run_at: string | null;
  /** ISO 8601, with zone. */
  created_at: string;
  /** ISO 8601, with zone. */
  updated_at: string;
  /** Goes up with each change. */
  version: number;
  /** What notifications are signed with, by Standard Webhooks; for an admin's key. */
  notify_secret?: string | undefined;
  /** What may not be meant; nothing is refused for it. */
  warnings: Array<{
    field: string;
    message: string;
  }>;
}

export interface Run {
  id: string;
  endpoint: string;
  status: "queued" | "running" | "succeeded" | "failed" | "timed_out" | "cancelled" | "missed" | "error";
  reason: "exited" | "signaled" | "oom_killed" | "timed_out" | "killed" | "stopped" | "client_gone" | "server_lost" | "spawn_failed" | "capsule_stopped" | "capsule_destroyed" | "agent_lost" | "host_restarted" | "cancelled" | "capsule_gone" | "boot_failed" | "host_full" | "not_started" | "overlapped" | "missed" | "queue_timeout" | "unavailable" | null;
  /** The reason in words, where it did not end by itself. */
  error: string | null;
  exit_code: number | null;
  signal: string | null;
  source: "api" | "public" | "webhook" | "schedule";
  key_id: string | null;
  /** null for a sensitive endpoint. */
  args: Record<string, string | number | boolean> | null;
  /** Of the webhook that it answers. */
  delivery_id: string | null;
  /** ISO 8601, with zone. */
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  /** Of the process. */
  duration_ms: number | null;
  stdout_bytes: number;
  stderr_bytes: number;
  capsule_id: string | null;
  process_id: string | null;
  notification: Notification | null;
}

export interface RunList {
  items: Run[];
  next_cursor: string | null;
}

export interface RunWithOutput {
  id: string;
  endpoint: string;
  status: "queued" | "running" | "succeeded" | "failed" | "timed_out" | "cancelled" | "missed" | "error";
  reason: "exited" | "signaled" | "oom_killed" | "timed_out" | "killed" | "stopped" | "client_gone" | "server_lost" | "spawn_failed" | "capsule_stopped" | "capsule_destroyed" | "agent_lost" | "host_restarted" | "cancelled" | "capsule_gone" | "boot_failed" | "host_full" | "not_started" | "overlapped" | "missed" | "queue_timeout" | "unavailable" | null;
  /** The reason in words, where it did not end by itself. */
  error: string | null;
  exit_code: number | null;
  signal: string | null;
  source: "api" | "public" | "webhook" | "schedule";
  key_id: string | null;
  /** null for a sensitive endpoint. */
  args: Record<string, string | number | boolean> | null;
  /** Of the webhook that it answers. */
  delivery_id: string | null;
  /** ISO 8601, with zone. */
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
  /** Of the process. */
  duration_ms: number | null;
  stdout_bytes: number;
  stderr_bytes: number;
  capsule_id: string | null;
  process_id: string | null;
  notification: Notification | null;
  /** Both streams in the order in which they were printed; null where it is not kept any more. */
  output: string | null;
  output_encoding: "utf-8" | "base64";
  /** There is more: read it through `/stream`. */
  output_truncated: boolean;
}

export interface SetArg {
  name: string;
  required: boolean;
  /** Used when the caller leaves it out. */
  default?: string | number | boolean | undefined;
  description?: string | undefined;
  type: "string" | "integer" | "number" | "boolean";
  /** The only values taken. */
  enum?: Array<string | number | boolean> | undefined;
  /** A regular expression that the whole value must match; for strings. */
  pattern?: string | undefined;
  /** Characters; for strings. */
  max_length?: number | undefined;
  /** Passed before the value: `--count` gives two arguments, `--count=` one. A boolean gives the flag alone, when true. */
  flag?: string | undefined;
}

export type SetTransformer = {
  type: "json";
} | {
  type: "lines";
} | {
  type: "regex";
  pattern: string;
  flags?: string | undefined;
  /** An array of all matches instead of the first. */
  all: boolean;
} | {
  type: "jsonata";
  expression: string;
};

export interface SnapshotCreate {
  /** The capsule whose disk is kept; running or paused. */
  capsule_id?: string | undefined;
  /** The same as `capsule_id`. */
  sandbox_id?: string | undefined;
  /** Left out, `template-` and 8 hex digits. */
  name?: string | undefined;
  /** Whether it takes the place of the team's template of that name; capsules of that one go on. */
  overwrite?: boolean | undefined;
}

export type StreamClientMessage = {
  type: "stop";
} | {
  type: "stdin";
  data: string;
  encoding?: "utf-8" | "base64" | undefined;
  /** Where the first byte stands in all that is written, from 0. What has come before is not taken again, so after a cut it is sent again, over any stream of the process. Whoever says offsets is sent `stdin_ack`. */
  offset?: number | undefined;
} | {
  type: "stdin_close";
  /** How many bytes were written in all: the end counts only where they have come. */
  offset?: number | undefined;
} | {
  type: "ack";
  /** Everything up to this record has been taken. From the first one on the server sends at most `window` of its `start` beyond what was acknowledged, and the process is paced by it: for clients whose sockets are read whether or not anybody takes what comes, as a browser's are. */
  seq: number;
};

export type StreamServerMessage = {
  type: "start";
  pid: number;
  id: string;
  tag: string;
  next_seq: number;
  /** Characters of `data` that are sent beyond the last `ack`, to a client that sends `ack`; one message may go over it. */
  window?: number | undefined;
  /** Where standard input is open, or was and the process runs: `stdin` with an `offset` goes on from there. */
  stdin?: {
    /** How many bytes have come. */
    bytes: number;
    /** Whether its end has come. */
    closed: boolean;
  } | undefined;
} | {
  type: "stdout";
  data: string;
  /** Of the record; of the last one where several are joined. The U+FFFD of a character that was never finished has the number behind the last record, and the second one, where both streams end so, the next. */
  seq: number;
  /** Of the first record, where several are joined. */
  first_seq?: number | undefined;
  encoding?: "base64" | undefined;
} | {
  type: "stderr";
  data: string;
  /** Of the record; of the last one where several are joined. The U+FFFD of a character that was never finished has the number behind the last record, and the second one, where both streams end so, the next. */
  seq: number;
  /** Of the first record, where several are joined. */
  first_seq?: number | undefined;
  encoding?: "base64" | undefined;
} | {
  type: "gap";
  from_seq: number;
  seq: number;
  stdout_bytes: number;
  stderr_bytes: number;
} | {
  type: "stdin_ack";
  /** How many bytes of standard input the process has taken, from its start; at most 1 MiB may wait. */
  bytes: number;
} | {
  type: "exit";
  exit_code: number;
  /** Behind the last record, or that of the last U+FFFD that stands there. */
  seq: number;
  duration_ms: number;
  /** Why it ended. */
  reason: "exited" | "signaled" | "oom_killed" | "timed_out" | "killed" | "stopped" | "client_gone" | "server_lost" | "spawn_failed" | "capsule_stopped" | "capsule_destroyed" | "agent_lost" | "host_restarted";
  /** The signal it died by, e.g. `SIGKILL`; the exit code is then 128 + its number. */
  signal: string | null;
  /** How many processes of the capsule ran out of memory while it ran. */
  oom_kills: number;
  /** Who asked for its end. */
  requested: {
    by: string;
    signal: string;
  } | null;
  stdout_bytes: number;
  stderr_bytes: number;
  /** Bytes that descendants printed after its end; not kept. */
  late_bytes: number;
  /** Of all `stdout_bytes` of the stream, in hex; null where that is not known any more. */
  stdout_sha256: string | null;
  stderr_sha256: string | null;
} | {
  type: "error";
  /** What happened, for people. */
  data: string;
  code: string;
};

export interface StreamStart {
  type: "start";
  /** The program: a path, or a name looked up in PATH. No shell is added. */
  cmd: string;
  /** Its arguments, passed as they are. */
  args?: string[] | undefined;
  /** Variables on top of the capsule's own; these win. */
  envs?: Record<string, string> | undefined;
  /** Working directory; relative and `~` mean the home directory. `/root` by default. */
  cwd?: string | undefined;
  /** Your name for the process, unique among the capsule's live ones. */
  tag?: string | undefined;
  /** `base64` asks for lossless output whatever the bytes. */
  encoding?: "utf-8" | "base64" | undefined;
  timeout?: number | undefined;
  /** Seconds until the process tree is killed; 0 is never. */
  timeout_sec?: number | undefined;
  /** Keep standard input open for `stdin` messages; otherwise it is /dev/null. */
  stdin?: boolean | undefined;
  /** A name for this start: a repeat starts nothing and is sent the first one's output from its beginning. */
  idempotency_key?: string | undefined;
  /** What becomes of the process when this client goes; `continue` by default. */
  on_disconnect?: "continue" | "kill" | undefined;
}

export interface Team {
  id: string;
  name: string;
  slug: string;
  /** ISO 8601, with zone. */
  created_at: string;
}

export interface TeamCreate {
  name: string;
  /** Made from the name by default. */
  slug?: string | undefined;
}

export interface TeamCreated {
  team: Team;
  key: ApiKeyCreated;
}

export interface Template {
  name: string;
  /** `snapshot`: made of a capsule's disk, by a snapshot or a build. */
  type: "base" | "snapshot";
  /** What a capsule of it gets unless it says otherwise. */
  vcpus?: number | undefined;
  memory_mb?: number | undefined;
  disk_mb?: number | undefined;
  /** What it takes on disk; of a snapshot, beside the template that it goes back to. */
  size_bytes: number;
  /** ISO 8601, with zone. */
  created_at: string;
  /** Whether every team has it; those cannot be deleted. */
  platform: boolean;
  /** Names of the variables that processes in capsules of it have; values are never returned. */
  env_names?: string[] | undefined;
  /** Who processes in capsules of it run as where nobody says otherwise. */
  user?: string | undefined;
  /** Where they begin. */
  cwd?: string | undefined;
  /** What begins whenever a capsule of it boots. */
  start_command?: {
    cmd: string;
    args: string[];
  } | undefined;
  /** When a capsule of it is ready: this command exits with 0, or this port is listened on. */
  ready_check?: {
    cmd?: string | undefined;
    args?: string[] | undefined;
    port?: number | undefined;
    timeout_sec: number;
  } | undefined;
}

export interface TemplateBuild {
  id: string;
  /** Of the template. */
  name: string;
  state: "queued" | "building" | "ready" | "failed" | "cancelled";
  /** The step under way, or the one it ended in; 0 is the base. null while it waits for its turn. */
  step: number | null;
  /** Steps in all, the base not counted. */
  steps: number;
  /** Steps that were taken from the cache. */
  cached_steps: number;
  /** Why it made no template. */
  reason: "step_failed" | "step_timed_out" | "timed_out" | "cancelled" | "server_lost" | "disk_full" | "host_full" | "base_failed" | "capsule_lost" | "user_not_found" | "name_taken" | "quota_exceeded" | "internal_error" | null;
  /** The reason in words. */
  message: string | null;
  /** The step that failed; null where it was none. */
  error: BuildFailure | null;
  /** ISO 8601, with zone. */
  created_at: string;
  started_at: string | null;
  ended_at: string | null;
}

export interface TemplateCreate {
  /** What capsules are created with. */
  name: string;
  /** Whether it takes the place of the team's template of that name, once it is whole; capsules of that one go on. Default: `false`. */
  overwrite?: boolean | undefined;
  /** What it begins with: a template of yours, one that every team has, or an image. Default: `{"template":"minimal"}`. */
  from?: {
    template: string;
  } | {
    /** An image of a registry, or an image archive that was uploaded. */
    image: {
      /** As with Docker: `alpine:3.20`, `ghcr.io/owner/name@sha256:…`. Registries are spoken to over TLS, on this machine without. */
      reference: string;
      /** For registries that want one; kept no longer than the build. */
      username?: string | undefined;
      password?: string | undefined;
      /** Whether the image's entry point and command are the template's start command, where the recipe has none. Default: `false`. */
      use_entrypoint?: boolean | undefined;
    } | {
      /** An image archive that was uploaded, by its id. */
      archive: string;
      /** Whether the image's entry point and command are the template's start command, where the recipe has none. Default: `false`. */
      use_entrypoint?: boolean | undefined;
    };
  } | undefined;
  /** Packages to install, by the package manager of what it begins with (apt or apk). */
  packages?: string[] | undefined;
  /** Files to write, as root. */
  files?: Array<{
    /** Absolute; directories on the way are made. */
    path: string;
    content: string;
    /** How `content` is written here. Default: `"utf-8"`. */
    encoding?: "utf-8" | "base64" | undefined;
    /** Octal permission bits as text; `644` by default. */
    mode?: string | undefined;
  }> | undefined;
  /** Commands, one after the other. */
  steps?: Array<{
    /** A line for `/bin/sh -c`. It fails when that exits with anything but 0. */
    run: string;
    /** Variables of this step alone, on top of the recipe's. */
    envs?: Record<string, string> | undefined;
    /** The recipe's, when left out; `/` where that has none. */
    cwd?: string | undefined;
    /** Who runs it; root, when left out. */
    user?: string | undefined;
    /** Seconds until it is killed and the build fails. Default: `1800`. */
    timeout_sec?: number | undefined;
  }> | undefined;
  /** Variables of the steps, and of every process in capsules of it; a capsule's own win. Only names are returned. */
  envs?: Record<string, string> | undefined;
  /** Who processes in capsules of it run as where nobody says otherwise; root, when left out. */
  user?: string | undefined;
  /** Where they begin; the user's home, when left out. */
  cwd?: string | undefined;
  /** Begins in the background, with the tag `start`, whenever a capsule of it boots. */
  start_command?: {
    /** The program: a path, or a name looked up in PATH. No shell is added. */
    cmd: string;
    /** Its arguments, passed as they are. */
    args?: string[] | undefined;
  } | undefined;
  /** A capsule of it is `running` when this has passed; one in which it does not pass is `error`. */
  ready_check?: {
    /** The program: a path, or a name looked up in PATH. No shell is added. */
    cmd: string;
    /** Its arguments, passed as they are. */
    args?: string[] | undefined;
    /** Seconds within which it must pass. Default: `30`. */
    timeout_sec?: number | undefined;
  } | {
    port: number;
    /** Seconds within which it must pass. Default: `30`. */
    timeout_sec?: number | undefined;
  } | undefined;
  /** Cores of the build, and of capsules that do not say. */
  vcpus?: number | undefined;
  /** Memory, in MiB, of both. */
  memory_mb?: number | undefined;
  /** What both may write, in MiB. */
  disk_mb?: number | undefined;
  /** Where the build may connect to; as with create. Capsules of it have their own. */
  network?: NetworkPolicy | undefined;
  /** Seconds of the whole build, its wait for a turn not counted. Default: `3600`. */
  timeout_sec?: number | undefined;
  /** Whether steps that were done before, on the same base, are taken as they were. Default: `true`. */
  use_cache?: boolean | undefined;
  /** Milliseconds to wait for the build's end before answering with its state so far. Default: `0`. */
  wait_ms?: number | undefined;
}

export type TerminalClientMessage = {
  type: "input";
  /** Bytes that are typed, in base64. */
  data: string;
} | {
  type: "resize";
  cols: number;
  rows: number;
} | {
  type: "kill";
} | {
  type: "pong";
};

export interface TerminalConnect {
  type: "connect";
  /** The terminal: its tag, its process's id or its pid. */
  tag: string;
  /** Where to begin: `now`, `start`, or a sequence number, whose record then comes first. Left out, the latest 256 KiB. */
  from?: "now" | "start" | number | undefined;
  /** How output comes: `json`, as `output` messages, or `binary`, as binary frames with the bytes alone. Left out, as the client types: who sends input as binary frames gets output so. */
  frames?: "json" | "binary" | undefined;
}

export type TerminalFirst = TerminalStart | TerminalConnect;

export type TerminalServerMessage = {
  type: "started";
  tag: string;
  pid: number;
  id: string;
  cols: number;
  rows: number;
  /** Number of the first record that comes. */
  next_seq: number;
} | {
  type: "output";
  /** Bytes in base64. */
  data: string;
  /** Of the record that ends with these bytes; left out where more of it follows. */
  seq?: number | undefined;
  /** Bytes just before these that are not kept any more. */
  gap_bytes?: number | undefined;
} | {
  type: "exit";
  exit_code: number;
  seq: number;
  duration_ms: number;
  /** Bytes just before these that are not kept any more. */
  gap_bytes?: number | undefined;
  /** Why it ended. */
  reason: "exited" | "signaled" | "oom_killed" | "timed_out" | "killed" | "stopped" | "client_gone" | "server_lost" | "spawn_failed" | "capsule_stopped" | "capsule_destroyed" | "agent_lost" | "host_restarted";
  /** The signal it died by, e.g. `SIGKILL`; the exit code is then 128 + its number. */
  signal: string | null;
  /** How many processes of the capsule ran out of memory while it ran. */
  oom_kills: number;
  /** Who asked for its end. */
  requested: {
    by: string;
    signal: string;
  } | null;
  stdout_bytes: number;
  stderr_bytes: number;
  /** Bytes that descendants printed after its end; not kept. */
  late_bytes: number;
  /** Of all `stdout_bytes` of the stream, in hex; null where that is not known any more. */
  stdout_sha256: string | null;
  stderr_sha256: string | null;
} | {
  type: "error";
  /** What happened, for people. */
  data: string;
  /** The last message: the socket closes. */
  fatal?: true | undefined;
  code: string;
} | {
  type: "ping";
};

export interface TerminalStart {
  type: "start";
  /** Default: `"/bin/bash"`. */
  cmd?: string | undefined;
  /** Its arguments, passed as they are. */
  args?: string[] | undefined;
  /** Columns; 0 is the default. Default: `80`. */
  cols?: number | undefined;
  /** Rows; 0 is the default. Default: `24`. */
  rows?: number | undefined;
  /** Variables on top of the capsule's own; these win. */
  envs?: Record<string, string> | undefined;
  /** Working directory; relative and `~` mean the home directory. `/root` by default. */
  cwd?: string | undefined;
  /** A user of the capsule, by name or number; root by default. */
  user?: string | undefined;
  /** Your name for the terminal; `pty-` and 8 hex digits by default. */
  tag?: string | undefined;
  /** How output comes: `json`, as `output` messages, or `binary`, as binary frames with the bytes alone. Left out, as the client types: who sends input as binary frames gets output so. */
  frames?: "json" | "binary" | undefined;
}

export interface TicketCreate {
  /** Default: `"GET"`. */
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE" | undefined;
  /** Path and query of the one request that it is for, e.g. `/v1/alice/deploy`. */
  path: string;
}

export interface TicketCreated {
  /** Give it as `?ticket=`; good for one use. */
  ticket: string;
  /** ISO 8601, with zone. */
  expires_at: string;
}

export type Transformer = {
  type: "json";
} | {
  type: "lines";
} | {
  type: "regex";
  pattern: string;
  flags?: string | undefined;
  /** An array of all matches instead of the first. Default: `false`. */
  all?: boolean | undefined;
} | {
  type: "jsonata";
  expression: string;
};

export interface UploadedImage {
  /** Follows from the archive's content: the same archive has the same id. */
  id: string;
  /** Of the image in it, for this server's platform. */
  digest: string;
  size_bytes: number;
  /** When it is removed; each use puts that off. */
  expires_at: string;
}

export interface Usage {
  from: string;
  to: string;
  /** One a day, oldest first; 0 where nothing ran. */
  points: UsagePoint[];
}

export interface UsagePoint {
  /** A day in UTC. */
  date: string;
  /** The minutes of running capsules, each times its `vcpus`. */
  cpu_minutes: number;
  /** The minutes of running capsules, each times its `memory_mb`. */
  ram_mb_minutes: number;
}

export interface Wait {
  /** Milliseconds to wait for `running` before answering with the status so far. Default: `4000`. */
  wait_ms?: number | undefined;
}

export type WatchMessage = {
  type: "watching";
  /** That are watched. */
  directories: number;
  /** Dense from 1 in one watch. */
  seq: number;
} | {
  type: "created";
  /** Absolute. */
  path: string;
  /** The path itself where it is no UTF-8; `path` then has U+FFFD in it. */
  path_base64?: string | undefined;
  /** Whether it is one. */
  directory: boolean;
  /** Dense from 1 in one watch. */
  seq: number;
} | {
  type: "modified";
  /** Absolute. */
  path: string;
  /** The path itself where it is no UTF-8; `path` then has U+FFFD in it. */
  path_base64?: string | undefined;
  /** Whether it is one. */
  directory: boolean;
  /** Dense from 1 in one watch. */
  seq: number;
} | {
  type: "removed";
  /** Absolute. */
  path: string;
  /** The path itself where it is no UTF-8; `path` then has U+FFFD in it. */
  path_base64?: string | undefined;
  /** Whether it is one. */
  directory: boolean;
  /** Dense from 1 in one watch. */
  seq: number;
} | {
  type: "renamed";
  /** Absolute. */
  path: string;
  /** The path itself where it is no UTF-8; `path` then has U+FFFD in it. */
  path_base64?: string | undefined;
  /** Whether it is one. */
  directory: boolean;
  /** Dense from 1 in one watch. */
  seq: number;
  /** Where it was. */
  from: string;
  from_base64?: string | undefined;
} | {
  type: "attributes_changed";
  /** Absolute. */
  path: string;
  /** The path itself where it is no UTF-8; `path` then has U+FFFD in it. */
  path_base64?: string | undefined;
  /** Whether it is one. */
  directory: boolean;
  /** Dense from 1 in one watch. */
  seq: number;
} | {
  type: "overflow";
  /** Dense from 1 in one watch. */
  seq: number;
} | {
  type: "paused";
  /** Dense from 1 in one watch. */
  seq: number;
} | {
  type: "resumed";
  /** Dense from 1 in one watch. */
  seq: number;
} | {
  type: "ended";
  /** `removed`: the directory was removed or moved. `watch_limit`: a tree has grown beyond what one watch takes. `lost`: what watched in the capsule was killed, or the capsule failed. */
  reason: "removed" | "capsule_stopped" | "capsule_destroyed" | "watch_limit" | "lost";
  /** Dense from 1 in one watch. */
  seq: number;
} | {
  type: "error";
  /** What happened, for people. */
  data: string;
  code: string;
};

export interface CreateCapsuleQuery {
  /** What to do when the team has a capsule of that `name`: answer 409 naming it, or give it back with a 200. Default: `"fail"`. */
  on_conflict?: "fail" | "return" | undefined;
}

export interface ListCapsulesQuery {
  /** Items a page; with it the answer is a page, not an array. */
  limit?: number | undefined;
  /** `next_cursor` of the page before. */
  cursor?: string | undefined;
  status?: "pending" | "starting" | "running" | "paused" | "stopped" | "error" | undefined;
}

export interface ListEndpointsQuery {
  /** Default: `100`. */
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface ListEventsQuery {
  /** Only events of this capsule and its processes. */
  capsule?: string | undefined;
  type?: "capsule.created" | "capsule.running" | "capsule.paused" | "capsule.resumed" | "capsule.stopped" | "capsule.error" | "capsule.destroyed" | "process.started" | "process.ended" | undefined;
  /** Only events after this id. */
  since?: string | undefined;
  /** `desc`, the default, is newest first. Default: `"desc"`. */
  order?: "asc" | "desc" | undefined;
  /** Default: `100`. */
  limit?: number | undefined;
  /** `next_cursor` of the page before. */
  cursor?: string | undefined;
}

export interface ListRunsQuery {
  endpoint?: string | undefined;
  status?: "queued" | "running" | "succeeded" | "failed" | "timed_out" | "cancelled" | "missed" | "error" | undefined;
  source?: "api" | "public" | "webhook" | "schedule" | undefined;
  /** Default: `100`. */
  limit?: number | undefined;
  cursor?: string | undefined;
}

export interface CreateSnapshotQuery {
  /** The same as in the body. */
  overwrite?: "true" | "false" | undefined;
}

export interface ListSnapshotsQuery {
  /** `base` or `snapshot`; any other type has no templates. */
  type?: string | undefined;
}

export interface GetCapsuleStatsQuery {
  /** How far back. Default: `"1h"`. */
  range?: "5m" | "1h" | "6h" | "24h" | "30d" | undefined;
}

export interface GetUsageQuery {
  /** The first day, `YYYY-MM-DD` in UTC; 30 days before the last unless said. */
  from?: string | undefined;
  /** The last day; today unless said. At most 92 days after the first. */
  to?: string | undefined;
}

export interface ImportEndpointsQuery {
  /** Say what would change, and change nothing. */
  dry_run?: string | undefined;
  /** Also delete endpoints that the file does not name. */
  prune?: string | undefined;
}

export interface StreamEventsQuery {
  /** Only events of this capsule and its processes. */
  capsule?: string | undefined;
  type?: "capsule.created" | "capsule.running" | "capsule.paused" | "capsule.resumed" | "capsule.stopped" | "capsule.error" | "capsule.destroyed" | "process.started" | "process.ended" | undefined;
  /** `now` (the default), `start`, or the id of the last event that you have. The header `Last-Event-ID` wins over it. */
  from?: string | undefined;
}

export interface ListTemplateBuildsQuery {
  /** Builds at most, the newest. Default: `100`. */
  limit?: number | undefined;
}

export interface GetCapsuleMetricsQuery {
  /** How far back. Default: `"10m"`. */
  range?: "5m" | "10m" | "1h" | "2h" | "6h" | "12h" | "24h" | undefined;
}

export interface GetCapsuleNetworkQuery {
  /** `true` adds the latest decisions: a line for each address, protocol and port. Default: `"false"`. */
  log?: "true" | "false" | undefined;
}

export interface GetRunOutputQuery {
  /** Default: `"stdout"`. */
  stream?: "stdout" | "stderr" | undefined;
  /** Offset of the first byte within its stream. Default: `0`. */
  from?: number | undefined;
  /** Bytes at most. JSON holds at most 1048576, the default there; raw bytes go to the end by default. */
  limit?: number | undefined;
}

export interface StreamRunQuery {
  /** As the header `Last-Event-ID`, for clients that cannot set it. */
  last_event_id?: string | undefined;
}

export interface DownloadFileQuery {
  /** Absolute, relative to `/root`, or `~` and `~/…` for it. */
  path?: string | undefined;
  /** An absolute path in base64, in place of `path`, for one that is no UTF-8. */
  path_base64?: string | undefined;
}

export interface WatchFilesQuery {
  /** Absolute, relative to `/root`, or `~` and `~/…` for it. */
  path?: string | undefined;
  /** An absolute path in base64, in place of `path`, for one that is no UTF-8. */
  path_base64?: string | undefined;
  /** `true`: all directories below it, too, those that appear included. */
  recursive?: "true" | "false" | undefined;
}

export interface WriteFileQuery {
  /** Absolute, relative to `/root`, or `~` and `~/…` for it. */
  path?: string | undefined;
  /** An absolute path in base64, in place of `path`, for one that is no UTF-8. */
  path_base64?: string | undefined;
  /** Octal permission bits, e.g. `755`. Left out, an existing file keeps its own and a new one gets 644. */
  mode?: string | undefined;
  /** `true` answers `conflict` where the file exists, and leaves it alone. */
  exclusive?: "true" | "false" | undefined;
}

export interface KillProcessQuery {
  /** To the whole tree. Default: `"SIGKILL"`. */
  signal?: "SIGKILL" | "SIGTERM" | undefined;
}

export interface StreamTemplateBuildQuery {
  /** The same as the header `Last-Event-ID`, which goes before it. */
  last_event_id?: string | undefined;
}

export interface DownloadArchiveQuery {
  /** Absolute, relative to `/root`, or `~` and `~/…` for it. */
  path?: string | undefined;
  /** An absolute path in base64, in place of `path`, for one that is no UTF-8. */
  path_base64?: string | undefined;
}

export interface WriteArchiveQuery {
  /** Absolute, relative to `/root`, or `~` and `~/…` for it. */
  path?: string | undefined;
  /** An absolute path in base64, in place of `path`, for one that is no UTF-8. */
  path_base64?: string | undefined;
  /** Who owns what is unpacked; left out, whom the archive says. */
  uid?: string | undefined;
  gid?: string | undefined;
}

export interface StreamWriteFileQuery {
  /** Absolute, relative to `/root`, or `~` and `~/…` for it. */
  path?: string | undefined;
  /** An absolute path in base64, in place of `path`, for one that is no UTF-8. */
  path_base64?: string | undefined;
  /** Octal permission bits, e.g. `755`. Left out, an existing file keeps its own and a new one gets 644. */
  mode?: string | undefined;
  /** `true` answers `conflict` where the file exists, and leaves it alone. */
  exclusive?: "true" | "false" | undefined;
}

export interface StreamFileChangesQuery {
  /** Absolute, relative to `/root`, or `~` and `~/…` for it. */
  path?: string | undefined;
  /** An absolute path in base64, in place of `path`, for one that is no UTF-8. */
  path_base64?: string | undefined;
  /** `true`: all directories below it, too, those that appear included. */
  recursive?: "true" | "false" | undefined;
}

export interface GetProcessOutputQuery {
  /** Default: `"stdout"`. */
  stream?: "stdout" | "stderr" | undefined;
  /** Offset of the first byte within its stream. Default: `0`. */
  from?: number | undefined;
  /** Bytes at most. JSON holds at most 1048576, the default there; raw bytes go to the end by default. */
  limit?: number | undefined;
}

export interface StreamProcessQuery {
  /** `now`, `start`, or a sequence number: that record comes first. Default: `"now"`. */
  from?: "now" | "start" | number | undefined;
  encoding?: "utf-8" | "base64" | undefined;
}

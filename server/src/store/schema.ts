/** Tables as Kysely sees them. Times are unix milliseconds, flags 0 or 1, `*_json` columns JSON text. The migrations define the columns. */

export interface TeamRow {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly is_first: number;
  readonly created_at: number;
}

export interface ApiKeyRow {
  readonly id: string;
  readonly team_id: string;
  readonly name: string;
  readonly role: string;
  readonly hash: string;
  readonly prefix: string;
  readonly created_at: number;
  readonly last_used_at: number | null;
}

export interface CapsuleRow {
  readonly id: string;
  readonly team_id: string;
  readonly host_id: string;
  readonly driver: string;
  readonly handle_json: string | null;
  readonly state: string;
  readonly version: number;
  readonly template: string;
  readonly vcpus: number;
  readonly memory_mb: number;
  readonly disk_mb: number;
  readonly timeout_sec: number;
  readonly name: string | null;
  readonly metadata_json: string;
  readonly env_names_json: string;
  readonly sealed_envs: string | null;
  readonly sealed_secret: string;
  readonly has_disk: number;
  readonly reason: string | null;
  readonly message: string | null;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly last_active_at: number | null;
  readonly state_changed_at: number;
  readonly ended_at: number | null;
  readonly requested_by_type: string | null;
  readonly requested_by_id: string | null;
  readonly evidence_json: string | null;
  readonly log_cursor: number;
  readonly network_json: string;
  readonly public_ports_json: string;
  readonly auto_resume: number;
  readonly held_name: string | null;
  readonly snapshot_id: string | null;
  readonly sealed_settings: string | null;
}

/** A team's template. `held_name` is null where another row of that name is ready, or this one is on its way out. */
export interface TemplateRow {
  readonly id: string;
  readonly team_id: string;
  readonly host_id: string;
  readonly kind: string;
  readonly name: string | null;
  readonly held_name: string | null;
  readonly state: string;
  readonly vcpus: number;
  readonly memory_mb: number;
  readonly disk_mb: number;
  readonly size_bytes: number;
  readonly capsule_id: string;
  readonly created_at: number;
  readonly sealed_settings: string | null;
  readonly layer_key: string | null;
  readonly used_at: number;
}

/** The making of a template from a recipe. */
export interface BuildRow {
  readonly id: string;
  readonly team_id: string;
  readonly host_id: string;
  readonly template_id: string;
  readonly name: string;
  readonly state: string;
  readonly step: number | null;
  readonly steps: number;
  readonly cached_steps: number;
  readonly reason: string | null;
  readonly message: string | null;
  readonly failure_json: string | null;
  readonly capsule_id: string;
  readonly created_at: number;
  readonly started_at: number | null;
  readonly ended_at: number | null;
}

export interface BuildLogRow {
  readonly build_id: string;
  /** Dense from 1. */
  readonly seq: number;
  readonly entry_json: string;
}

/** A capsule's metadata once more, one pair a row, so that a list can filter by it. */
export interface CapsuleMetadataRow {
  readonly capsule_id: string;
  readonly key: string;
  readonly value: string;
}

export interface CounterRow {
  readonly name: string;
  readonly value: number;
}

export interface EventRow {
  readonly id: number;
  readonly team_id: string;
  readonly at: number;
  readonly type: string;
  readonly capsule_id: string;
  readonly process_id: string | null;
  readonly actor_type: string;
  readonly actor_id: string;
  readonly data_json: string;
}

export interface EventHorizonRow {
  readonly team_id: string;
  readonly removed_to: number;
}

export interface ProcessRow {
  readonly capsule_id: string;
  readonly id: string;
  readonly team_id: string;
  readonly pid: number;
  readonly tag: string;
  readonly cmd: string;
  readonly args_json: string;
  readonly started_at: number;
  readonly ended_at: number | null;
  readonly end_json: string | null;
}

export interface IdempotencyKeyRow {
  readonly team_id: string;
  readonly key_hash: string;
  readonly request: string;
  readonly body_hash: string;
  readonly sealed_seed: string;
  readonly holder: string;
  readonly lease_until: number;
  readonly sealed_answer: string | null;
  readonly created_at: number;
  readonly finished_at: number | null;
}

export interface EndpointRow {
  readonly id: string;
  readonly team_id: string;
  readonly name: string;
  readonly definition_json: string;
  readonly env_names_json: string;
  readonly sealed: string | null;
  readonly has_secret: number;
  readonly version: number;
  readonly schedule_paused: number;
  readonly next_run_at: number | null;
  readonly created_at: number;
  readonly updated_at: number;
}

export interface RunRow {
  readonly id: string;
  readonly team_id: string;
  readonly endpoint_id: string;
  readonly endpoint_name: string;
  readonly host_id: string;
  readonly status: string;
  readonly source: string;
  readonly dedupe: string | null;
  readonly created_at: number;
  readonly ended_at: number | null;
  /** The capsule that is the run's own, and goes with it. */
  readonly own_capsule_id: string | null;
  /** What nobody searches by. */
  readonly facts_json: string;
  readonly output_kind: string;
  /** Packed bytes of an output in a file. */
  readonly output_bytes: number;
  readonly output_packed: Uint8Array | null;
}

/** What a run that has not ended needs to start. */
export interface RunInputRow {
  readonly run_id: string;
  readonly sealed: string;
}

/** A run's end on its way to the endpoint's `notify_url`. */
export interface NotificationRow {
  readonly run_id: string;
  readonly team_id: string;
  readonly endpoint_id: string;
  readonly url: string;
  readonly status: string;
  readonly attempts: number;
  readonly next_attempt_at: number | null;
  readonly last_status: number | null;
  readonly last_error: string | null;
  readonly claimed_until: number | null;
  readonly created_at: number;
}

/** A day of a team, in UTC: days since 1970-01-01. */
export interface UsageDayRow {
  readonly team_id: string;
  readonly day: number;
  readonly capsule_ms: number;
  readonly vcpu_ms: number;
  readonly memory_mb_ms: number;
}

/** Up to when a host's server has counted: by the host's steady clock, and in unix milliseconds. */
export interface UsageMarkRow {
  readonly host_id: string;
  readonly counted_to: number;
  readonly counted_at: number;
}

export interface MigrationRow {
  readonly name: string;
  readonly checksum: string;
  readonly applied_at: number;
}

export interface Schema {
  readonly teams: TeamRow;
  readonly api_keys: ApiKeyRow;
  readonly capsules: CapsuleRow;
  readonly capsule_metadata: CapsuleMetadataRow;
  readonly templates: TemplateRow;
  readonly template_builds: BuildRow;
  readonly template_build_log: BuildLogRow;
  readonly counters: CounterRow;
  readonly events: EventRow;
  readonly event_horizons: EventHorizonRow;
  readonly processes: ProcessRow;
  readonly idempotency_keys: IdempotencyKeyRow;
  readonly endpoints: EndpointRow;
  readonly runs: RunRow;
  readonly run_inputs: RunInputRow;
  readonly notifications: NotificationRow;
  readonly usage_days: UsageDayRow;
  readonly usage_marks: UsageMarkRow;
  readonly schema_migrations: MigrationRow;
}

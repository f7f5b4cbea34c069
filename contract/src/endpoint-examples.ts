/** Examples of endpoints and runs that OpenAPI and the reference page show. */
export const endpointExample = {
  id: "ep-0c3n5yq1r9s8t7u6v5w4x3y2z",
  name: "deploy",
  url: "/v1/alice/deploy",
  method: ["GET", "POST"],
  command: "./deploy.sh",
  shell: false,
  args: [{ name: "branch", required: false, default: "main", type: "string", pattern: "[a-z0-9/-]+" }],
  timeout: 60,
  working_dir: "/workspace",
  public: false,
  trigger: "http",
  async: false,
  unsigned: false,
  webhook_source: "generic",
  timezone: "UTC",
  overlap: false,
  notify_on: "always",
  sensitive: false,
  stdin: "none",
  on_disconnect: "continue",
  has_secret: false,
  env_names: [],
  schedule_paused: false,
  next_run_at: null,
  created_at: "2026-11-01T10:00:00.000Z",
  updated_at: "2026-11-01T10:00:00.000Z",
  version: 1,
} as const;

export const importExample = {
  applied: true,
  changes: [{ name: "hello", change: "create", fields: [] }],
  warnings: [],
} as const;

export const runExample = {
  id: "run-0c3n5yq1r9s8t7u6v5w4x3y2z",
  endpoint: "deploy",
  status: "succeeded",
  reason: "exited",
  error: null,
  exit_code: 0,
  signal: null,
  source: "api",
  key_id: "key-0c3n5yq1r9s8t7u6v5w4x3y2z",
  args: { branch: "main" },
  delivery_id: null,
  created_at: "2026-11-01T10:00:00.000Z",
  started_at: "2026-11-01T10:00:00.021Z",
  ended_at: "2026-11-01T10:00:01.255Z",
  duration_ms: 1234,
  stdout_bytes: 20,
  stderr_bytes: 0,
  capsule_id: "cl-0c3n5yq1r9s8t7u6v5w4x3y2z",
  process_id: "pr-0c3n5yq1r9s8t7u6v5w4x3y2z",
  notification: null,
} as const;

export const callResultExample = {
  output: "Building project...\n",
  exit_code: 0,
  run_id: runExample.id,
  duration_ms: 1234,
  reason: "exited",
  signal: null,
} as const;

const done = {
  type: "done",
  exit_code: 0,
  duration_ms: 1234,
  run_id: runExample.id,
  reason: "exited",
  signal: null,
  stdout_bytes: 20,
  stderr_bytes: 0,
} as const;

export const callStreamExample = `retry: 2000
id: ${runExample.id}.0.0

id: ${runExample.id}.20.0
data: {"type":"output","data":"Building project...","stream":"stdout"}

id: ${runExample.id}.20.0.end
data: ${JSON.stringify(done)}

`;

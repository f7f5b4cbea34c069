/** Examples that OpenAPI and the reference page show. */
export const capsuleExample = {
  id: "cl-0c3n5yq1r9s8t7u6v5w4x3y2z",
  status: "running",
  template: "base-python",
  vcpus: 2,
  memory_mb: 1024,
  disk_mb: 5120,
  timeout_sec: 300,
  created_at: "2026-11-01T10:00:00.000Z",
  started_at: "2026-11-01T10:00:00.041Z",
  last_active_at: "2026-11-01T10:04:30.000Z",
  last_updated: "2026-11-01T10:00:00.041Z",
  ended_at: null,
  name: null,
  metadata: { purpose: "tests" },
  env_names: ["API_URL"],
  reason: null,
  message: null,
  evidence: null,
  network: { egress: "allow" },
  public_ports: [],
  auto_resume: false,
  startable: false,
} as const;

export const templateExample = {
  name: "with-dependencies",
  type: "snapshot",
  vcpus: 2,
  memory_mb: 1024,
  disk_mb: 5120,
  size_bytes: 48_234_496,
  created_at: "2026-11-01T10:05:00.000Z",
  platform: false,
} as const;

export const networkExample = {
  egress: { allow: [{ to: "pypi.org", ports: ["443"] }] },
  address: "10.147.16.2",
  allowed: { packets: 12, bytes: 720 },
  refused: { packets: 3, bytes: 180 },
  log: null,
} as const;

export const execExample = {
  stdout: "hello\n",
  stderr: "",
  exit_code: 0,
  duration_ms: 83,
  encoding: "utf-8",
  id: "pr-0c3n5yq1r9s8t7u6v5w4x3y2z",
  pid: 17,
  reason: "exited",
  signal: null,
  oom_kills: 0,
  requested: null,
  stdout_bytes: 6,
  stderr_bytes: 0,
  late_bytes: 0,
  stdout_sha256: "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03",
  stderr_sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  evidence: null,
  stdout_truncated: false,
  stderr_truncated: false,
} as const;

export const keyExample = {
  id: "key-0c3n5yq1r9s8t7u6v5w4x3y2z",
  team_id: "team-0c3n5yq1r9s8t7u6v5w4x3y2z",
  name: "ci",
  role: "member",
  key_prefix: "wrn_012345",
  created_at: "2026-11-01T10:00:00.000Z",
  last_used: null,
} as const;

export const teamExample = {
  id: "team-0c3n5yq1r9s8t7u6v5w4x3y2z",
  name: "Builders",
  slug: "builders",
  created_at: "2026-11-01T10:00:00.000Z",
} as const;

const exit = {
  type: "exit",
  exit_code: 0,
  seq: 3,
  duration_ms: 5140,
  reason: "exited",
  signal: null,
  oom_kills: 0,
  requested: null,
  stdout_bytes: 16,
  stderr_bytes: 28,
  late_bytes: 0,
  stdout_sha256: "6deac15ce9376b7ca451aade8e6575d1be8ba652c1d9c63cecd9a777c2aec7b4",
  stderr_sha256: "24b539eb02d6f33701f55222d71f376dc77f3fd059de17b97550ff50bffe83a1",
} as const;

const started = { type: "start", pid: 42, id: "pr-0c3n5yq1r9s8t7u6v5w4x3y2z", tag: "build", next_seq: 1 } as const;

/** A command over a socket, from its start to its end. */
export const execStreamExample = [
  { from: "client", message: { type: "start", cmd: "make", args: ["-j2"], cwd: "/workspace", tag: "build" } },
  { from: "server", message: started },
  { from: "server", message: { type: "stdout", data: "step 1 complete\n", seq: 1 } },
  { from: "server", message: { type: "stderr", data: "warning: deprecated flag -j\n", seq: 2 } },
  { from: "server", message: exit },
] as const;

/** A terminal, from its start to its end. */
export const terminalExample = [
  { from: "client", message: { type: "start", cmd: "/bin/bash", cols: 120, rows: 40 } },
  {
    from: "server",
    message: { type: "started", tag: "pty-a1b2c3d4", pid: 42, id: started.id, cols: 120, rows: 40, next_seq: 1 },
  },
  { from: "server", message: { type: "output", data: "cm9vdEBib3g6fiMg", seq: 1 } },
  { from: "client", message: { type: "input", data: "ZXhpdAo=" } },
  { from: "server", message: { type: "output", data: "ZXhpdA0K", seq: 2 } },
  { from: "server", message: { ...exit, stdout_bytes: 18, stderr_bytes: 0, stdout_sha256: null, stderr_sha256: null } },
] as const;

/** A reader that comes back after record 1. */
export const attachExample = [
  { from: "server", message: started },
  { from: "server", message: { type: "stderr", data: "warning: deprecated flag -j\n", seq: 2 } },
  { from: "server", message: exit },
] as const;

/** A background process that was killed for want of memory. */
export const processExample = {
  id: "pr-0c3n5yq1r9s8t7u6v5w4x3y2z",
  capsule_id: capsuleExample.id,
  pid: 42,
  tag: "build",
  cmd: "make",
  args: ["-j8"],
  running: false,
  started_at: "2026-11-01T10:00:05.000Z",
  ended_at: "2026-11-01T10:00:09.250Z",
  reason: "oom_killed",
  exit_code: 137,
  signal: "SIGKILL",
  requested: null,
  oom_kills: 1,
  duration_ms: 4250,
  stdout_bytes: 8120,
  stderr_bytes: 96,
  late_bytes: 0,
  stdout_sha256: "2ef7bde608ce5404e97d5f042f95f89f1c232871d3d7b5fba7d5dcb8c1b5ad1f",
  stderr_sha256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  evidence: { memory_limit_bytes: 1073741824, memory_peak_bytes: 1073741824, oom_kills: 1 },
} as const;

export const eventExample = {
  id: 1207,
  time: "2026-11-01T10:00:00.041Z",
  type: "capsule.running",
  capsule_id: capsuleExample.id,
  process_id: null,
  actor: { type: "api_key", id: keyExample.id },
  data: {},
} as const;

export const eventStreamExample = `retry: 1000

id: 1207
event: capsule.running
data: ${JSON.stringify(eventExample)}

: keep-alive
id: 1215

`;

export const fileEntryExample = {
  name: "result.json",
  path: "/workspace/result.json",
  type: "file",
  size: 1532,
  mode: 420,
  permissions: "-rw-r--r--",
  uid: 0,
  gid: 0,
  owner: "root",
  group: "root",
  modified_at: 1793527205,
  modified_at_ms: 1793527205118,
} as const;

const made = { type: "created", path: fileEntryExample.path, directory: false, seq: 2 } as const;

/** A directory in which a file is made; then it is removed with all that is in it. */
export const watchExample = [
  { from: "server", message: { type: "watching", directories: 1, seq: 1 } },
  { from: "server", message: made },
  { from: "server", message: { ...made, type: "removed", seq: 3 } },
  { from: "server", message: { type: "ended", reason: "removed", seq: 4 } },
] as const;

export const watchEventsExample = `retry: 1000

id: 1
event: watching
data: {"type":"watching","directories":1,"seq":1}

id: 2
event: created
data: ${JSON.stringify(made)}

: keep-alive

`;

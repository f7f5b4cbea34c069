/** Examples of templates' builds that OpenAPI and the reference page show. */
export const recipeExample = {
  name: "hello-web",
  from: { template: "minimal" },
  files: [{ path: "/srv/www/index.html", content: "<h1>hello</h1>\n" }],
  steps: [{ run: "useradd --create-home web && chown -R web /srv/www" }],
  user: "web",
  cwd: "/srv/www",
  start_command: { cmd: "python3", args: ["-m", "http.server", "8000"] },
  ready_check: { port: 8000 },
} as const;

export const buildExample = {
  id: "bd-0c3n5yq1r9s8t7u6v5w4x3y2z",
  name: "hello-web",
  state: "building",
  step: 2,
  steps: 2,
  cached_steps: 1,
  reason: null,
  message: null,
  error: null,
  created_at: "2026-11-01T10:00:00.000Z",
  started_at: "2026-11-01T10:00:00.012Z",
  ended_at: null,
} as const;

export const buildLogExample = [
  'id: 1\nevent: step\ndata: {"type":"step","step":1,"command":"write 1 file","state":"started"}',
  'id: 2\nevent: step\ndata: {"type":"step","step":1,"command":"write 1 file","state":"done","duration_ms":4}',
  'id: 3\nevent: end\ndata: {"type":"end","state":"ready","reason":null,"message":null,"error":null}\n',
].join("\n\n");

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { WebSocket } from "ws";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { expectCall, property } from "../harness/call.ts";
import { readState } from "../harness/state.ts";

/** The documented commands and exchanges, with our URL, key and ids in place of theirs; nothing else differs. */
const run = promisify(execFile);

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule({ template: "minimal", vcpus: 2, memory_mb: 1024, timeout_sec: 300 });
  await capsule.sh(
    "printf 'import os,time\\nprint(os.environ[\"PORT\"], flush=True)\\ntime.sleep(1000)\\n' > /workspace/server.py; mkdir -p /var/log; echo line one > /var/log/app.log",
  );
});
after(() => capsule[Symbol.asyncDispose]());

/** Runs a documented shell command as it stands. */
async function documented(command: string): Promise<string> {
  const { url, adminKey } = readState();
  const own = command
    .replaceAll("https://app.wrenn.dev/api", `${url}/api`)
    .replaceAll(/cap_abc123|cl-abc123/g, capsule.id)
    .replaceAll(/wrn_your_api_key_here|wrn_your_key/g, adminKey);
  assert.notEqual(own, command);
  return (await run("bash", ["-c", own.replace("curl ", "curl -sS ")])).stdout;
}

test("exec in the foreground, as documented", async () => {
  const out = await documented(`curl -X POST https://app.wrenn.dev/api/v1/capsules/cap_abc123/exec \\
  -H "X-API-Key: wrn_your_api_key_here" \\
  -H "Content-Type: application/json" \\
  -d '{
    "cmd": "python",
    "args": ["-c", "print(\\"hello\\")"]
  }'`);
  const body: unknown = JSON.parse(out);
  assert.equal(property(body, "stdout"), "hello\n");
  assert.equal(property(body, "stderr"), "");
  assert.equal(property(body, "exit_code"), 0);
  assert.equal(property(body, "encoding"), "utf-8");
  assert.ok(Number.isInteger(property(body, "duration_ms")));
});

test("exec in the background, list, and both kills, as documented", async () => {
  const started: unknown = JSON.parse(
    await documented(`curl -X POST https://app.wrenn.dev/api/v1/capsules/cap_abc123/exec \\
  -H "X-API-Key: wrn_your_api_key_here" \\
  -H "Content-Type: application/json" \\
  -d '{
    "cmd": "python",
    "args": ["-u", "server.py"],
    "background": true,
    "envs": {"PORT": "8080"},
    "cwd": "/workspace"
  }'`),
  );
  const pid = property(started, "pid");
  const tag = String(property(started, "tag"));
  assert.ok(Number.isInteger(pid));
  assert.match(tag, /^bg-[0-9a-f]{8}$/);
  const list: unknown = JSON.parse(
    await documented(`curl https://app.wrenn.dev/api/v1/capsules/cap_abc123/processes -H "X-API-Key: wrn_your_api_key_here"`),
  );
  const processes = property(list, "processes");
  assert.ok(Array.isArray(processes));
  const shown = processes.map((one) => [property(one, "pid"), property(one, "tag"), property(one, "cmd"), property(one, "args")]);
  assert.deepEqual(shown, [[pid, tag, "python", ["-u", "server.py"]]]);
  const byPid = await documented(`curl -o /dev/null -w '%{http_code}' -X DELETE \\
  "https://app.wrenn.dev/api/v1/capsules/cap_abc123/processes/${String(pid)}" \\
  -H "X-API-Key: wrn_your_api_key_here"`);
  assert.equal(byPid, "204");
  const second = await capsule.background({ cmd: "python", args: ["-u", "server.py"], envs: { PORT: "1" }, cwd: "/workspace" });
  const byTag = await documented(`curl -o /dev/null -w '%{http_code}' -X DELETE \\
  "https://app.wrenn.dev/api/v1/capsules/cap_abc123/processes/${second.tag}?signal=SIGTERM" \\
  -H "X-API-Key: wrn_your_api_key_here"`);
  assert.equal(byTag, "204");
});

test("get a capsule, as documented", async () => {
  const body: unknown = JSON.parse(
    await documented(`curl --request GET \\
  --url https://app.wrenn.dev/api/v1/capsules/cl-abc123 \\
  --header 'X-API-Key: wrn_your_key'`),
  );
  for (const [field, value] of Object.entries({
    id: capsule.id,
    status: "running",
    template: "minimal",
    vcpus: 2,
    memory_mb: 1024,
    timeout_sec: 300,
  })) {
    assert.equal(property(body, field), value, field);
  }
  for (const field of ["created_at", "started_at", "last_active_at", "last_updated"]) {
    assert.match(String(property(body, field)), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/, field);
  }
});

/** Sends these messages to a socket and gives every message that comes until it closes, with the close code. */
async function exchange(
  path: string,
  send: readonly { readonly message: string; readonly after?: RegExp }[],
): Promise<{ readonly got: readonly unknown[]; readonly code: number }> {
  const { url, adminKey } = readState();
  const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, { headers: { "X-API-Key": adminKey } });
  const got: unknown[] = [];
  const left = [...send];
  const next = (seen: string): void => {
    const [first] = left;
    if (first !== undefined && (first.after === undefined || first.after.test(seen))) {
      left.shift();
      socket.send(first.message);
    }
  };
  socket.on("open", () => next(""));
  socket.on("message", (data: Buffer) => {
    const text = data.toString();
    got.push(JSON.parse(text));
    next(text);
  });
  const code = await new Promise<number>((done, failed) => {
    socket.once("close", done);
    socket.once("error", failed);
  });
  return { got, code };
}

const types = (got: readonly unknown[]): readonly unknown[] => got.map((message) => property(message, "type"));

test("the exec stream: start, output of tail -f, stop, exit, and the connection closes by itself, as documented", async () => {
  const { got, code } = await exchange(`/api/v1/capsules/${capsule.id}/exec/stream`, [
    { message: '{\n  "type": "start",\n  "cmd": "tail",\n  "args": ["-f", "/var/log/app.log"]\n}' },
    { message: '{\n  "type": "stop"\n}', after: /"stdout"/ },
  ]);
  assert.deepEqual(types(got), ["start", "stdout", "exit"]);
  assert.ok(Number.isInteger(property(got[0], "pid")));
  assert.equal(property(got[1], "data"), "line one\n");
  assert.ok(Number.isInteger(property(got[2], "exit_code")));
  assert.equal(code, 1000);
});

test("the exec stream's four messages carry what is documented", async () => {
  const { got, code } = await exchange(`/api/v1/capsules/${capsule.id}/exec/stream`, [
    {
      message: JSON.stringify({
        type: "start",
        cmd: "sh",
        args: ["-c", "echo 'step 1 complete'; sleep 0.05; echo 'warning: deprecated flag' >&2"],
      }),
    },
  ]);
  assert.deepEqual(types(got), ["start", "stdout", "stderr", "exit"]);
  assert.equal(property(got[1], "data"), "step 1 complete\n");
  assert.equal(property(got[2], "data"), "warning: deprecated flag\n");
  assert.equal(property(got[3], "exit_code"), 0);
  assert.equal(code, 1000);
});

test("the exec stream answers an error for a command that is not there, as documented", async () => {
  const { got } = await exchange(`/api/v1/capsules/${capsule.id}/exec/stream`, [{ message: '{"type":"start","cmd":"no-such-command"}' }]);
  assert.deepEqual(types(got), ["error"]);
  assert.equal(typeof property(got[0], "data"), "string");
});

test("attaching by pid and by tag gives start, the output from then on, and exit, as documented", async () => {
  for (const by of ["pid", "tag"] as const) {
    const started = await capsule.background({ cmd: "sh", args: ["-c", "sleep 2; echo later; exit 4"] });
    const { got, code } = await exchange(`/api/v1/capsules/${capsule.id}/processes/${String(started[by])}/stream`, []);
    assert.deepEqual(types(got), ["start", "stdout", "exit"]);
    assert.equal(property(got[0], "pid"), started.pid);
    assert.equal(property(got[1], "data"), "later\n");
    assert.equal(property(got[2], "exit_code"), 4);
    assert.equal(code, 1000);
  }
});

test("a missing or wrong key is a 401 and an unknown capsule a 404, as documented", async () => {
  const { url } = readState();
  const get = async (header: string, id: string): Promise<string> =>
    (await run("curl", ["-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H", header, `${url}/api/v1/capsules/${id}`])).stdout;
  assert.equal(await get("X-Nothing: 1", capsule.id), "401");
  assert.equal(await get("X-API-Key: wrn_your_key", capsule.id), "401");
  assert.equal(await get(`X-API-Key: ${readState().adminKey}`, "cl-abc123"), "404");
  await expectCall("getCapsule", 200, { params: { id: capsule.id }, prefix: "/api" });
});

import assert from "node:assert/strict";
import { cpus, totalmem } from "node:os";
import { test } from "node:test";
import { CAPSULE_ID, LIMITS, capsulePage } from "@capsuled/contract";
import type { z } from "zod";
import { call, expectCall, expectError, property } from "../harness/call.ts";
import { capsuleOf, newCapsule } from "../harness/capsule.ts";
import type { Capsule } from "../harness/capsule.ts";
import { readState } from "../harness/state.ts";
import { hostTraces, pidsInCapsule } from "../harness/host.ts";
import { waitUntil } from "../harness/wait.ts";

const UNKNOWN = "cl-0000000000000000000000000";

function listOf(body: unknown): readonly Capsule[] {
  assert.ok(Array.isArray(body));
  return body as readonly Capsule[]; // `call` has parsed it by the contract
}

function pageOf(body: unknown): z.output<typeof capsulePage> {
  return capsulePage.parse(body);
}

test("a capsule created without settings runs with the documented defaults and every documented field", async () => {
  await using capsule = await newCapsule();
  const { created } = capsule;
  assert.match(created.id, CAPSULE_ID);
  assert.equal(created.status, "running");
  assert.equal(created.template, "minimal");
  assert.equal(created.vcpus, 1);
  assert.equal(created.memory_mb, 512);
  assert.equal(created.disk_mb, 5120);
  assert.equal(created.timeout_sec, 0);
  assert.deepEqual(created.metadata, {});
  assert.deepEqual(created.env_names, []);
  assert.equal(created.name, null);
  assert.equal(created.reason, null);
  assert.equal(created.ended_at, null);
  assert.ok(created.started_at !== null && Date.parse(created.started_at) >= Date.parse(created.created_at));
  assert.deepEqual({ ...(await capsule.get()), last_active_at: null }, { ...created, last_active_at: null });
});

test("what create is given comes back, and the capsule's variables come back by name only but reach its processes", async () => {
  const asked = { vcpus: 2, memory_mb: 128, disk_mb: 64, timeout_sec: 600, name: "one", metadata: { team: "a", "k.x": "y" } };
  await using capsule = await newCapsule({ ...asked, envs: { SECRET_VALUE: "s3cr3t", B: "2" } });
  const { created } = capsule;
  assert.deepEqual(
    {
      vcpus: created.vcpus,
      memory_mb: created.memory_mb,
      disk_mb: created.disk_mb,
      timeout_sec: created.timeout_sec,
      name: created.name,
      metadata: created.metadata,
    },
    asked,
  );
  assert.deepEqual([...created.env_names].sort(), ["B", "SECRET_VALUE"]);
  assert.ok(!JSON.stringify(await capsule.get()).includes("s3cr3t"));
  assert.equal((await capsule.sh('echo "$SECRET_VALUE $B"')).stdout, "s3cr3t 2\n");
  assert.equal((await capsule.sh('echo "$SECRET_VALUE $B"', { envs: { B: "3" } })).stdout, "s3cr3t 3\n", "the command's own variables win");
  assert.ok(!(await capsule.sh("cat /proc/1/environ 2>/dev/null; true")).stdout.includes("s3cr3t"), "PID 1 does not hold them");
});

test("both prefixes of the API serve the same capsules", async () => {
  await using capsule = await newCapsule();
  const same = await expectCall("getCapsule", 200, { params: { id: capsule.id }, prefix: "/api" });
  assert.equal(same.id, capsule.id);
});

test("an unknown template is a 404 that names the field, and leaves nothing behind", async () => {
  const before = hostTraces(readState().dataDir).disks;
  const error = await expectError("createCapsule", "not_found", { body: { template: "no-such-template" } });
  assert.equal(property(error.details, "field"), "template");
  assert.deepEqual(hostTraces(readState().dataDir).disks, before);
});

test("each value out of range is a 400 that names its field", async () => {
  const wrong: readonly [string, unknown][] = [
    ["vcpus", 0],
    ["vcpus", 1.5],
    ["vcpus", cpus().length + 1],
    ["vcpus", LIMITS.vcpusMax + 1],
    ["memory_mb", LIMITS.memoryMbMin - 1],
    ["memory_mb", Math.ceil(totalmem() / 1024 / 1024) + 1],
    ["memory_mb", "512"],
    ["disk_mb", LIMITS.diskMbMin - 1],
    ["timeout_sec", -1],
    ["timeout_sec", LIMITS.ttlSecMax + 1],
    ["template", "../../etc"],
    ["template", 5],
    ["name", ""],
    ["name", "a\0b"],
    ["name", "x".repeat(LIMITS.nameCharsMax + 1)],
    ["metadata", { k: 1 }],
    ["metadata", Object.fromEntries(Array.from({ length: LIMITS.metadataKeysMax + 1 }, (_, n) => [`k${n}`, ""]))],
    ["metadata", { ["x".repeat(LIMITS.metadataKeyCharsMax + 1)]: "" }],
    ["envs", { "A=B": "" }],
    ["envs", { A: "\0" }],
    ["envs", ["A"]],
    ["wait_ms", LIMITS.waitMsMax + 1],
  ];
  for (const [field, value] of wrong) {
    const error = await expectError("createCapsule", "invalid_request", { body: { [field]: value } });
    assert.ok(JSON.stringify(error).includes(field), `${field} = ${JSON.stringify(value)}: ${JSON.stringify(error)}`);
  }
});

test("a create that does not wait answers at once and the capsule comes up", async () => {
  const created = await expectCall("createCapsule", 201, { body: { wait_ms: 0 } });
  await using capsule = capsuleOf(created);
  assert.ok(["pending", "starting", "running"].includes(created.status));
  await waitUntil(async () => ((await capsule.get()).status === "running" ? true : undefined), { what: "the capsule to run" });
});

test("stop ends the processes and keeps the disk; start boots it again from it", async () => {
  await using capsule = await newCapsule();
  const at = { params: { id: capsule.id } };
  await capsule.sh("echo kept > /root/file; echo gone > /dev/shm/file");
  await capsule.background({ cmd: "sleep", args: ["1000"] });
  const stopped = await expectCall("stopCapsule", 200, at);
  assert.equal(stopped.status, "stopped");
  assert.equal(stopped.reason, "stopped");
  assert.equal(stopped.startable, true);
  assert.ok(stopped.ended_at !== null);
  assert.deepEqual(pidsInCapsule(capsule.id), [], "no process of it is left on the host");
  await expectError("exec", "invalid_state", { ...at, body: { cmd: "true" } });
  const started = await expectCall("startCapsule", 200, { ...at, body: { wait_ms: 30_000 } });
  assert.equal(started.status, "running");
  assert.equal(started.reason, null);
  assert.equal(started.ended_at, null);
  assert.ok(Date.parse(started.started_at ?? "") > Date.parse(capsule.created.started_at ?? ""));
  const after = await capsule.sh("cat /root/file; ls /dev/shm; ps -e -o comm= | grep -c sleep");
  assert.equal(after.stdout, "kept\n0\n");
});

test("files written to a capsule's disk survive many stops and starts with their owners and modes", async () => {
  await using capsule = await newCapsule();
  const at = { params: { id: capsule.id } };
  await capsule.sh(
    "mkdir /data && echo x > /data/f && chown 1000:1001 /data/f && chmod 4751 /data/f && ln -s f /data/l && rm /etc/hostname",
  );
  for (let round = 0; round < 3; round++) {
    await expectCall("stopCapsule", 200, at);
    await expectCall("startCapsule", 200, { ...at, body: { wait_ms: 30_000 } });
    const seen = await capsule.sh("stat -c '%u:%g %a' /data/f; readlink /data/l; test -e /etc/hostname || echo removed");
    assert.equal(seen.stdout, "1000:1001 4751\nf\nremoved\n", `round ${round}`);
  }
});

test("DELETE answers 204 from every state and again, and GET then says stopped because destroyed", async () => {
  const ways: readonly ((id: string) => Promise<unknown>)[] = [
    async () => {},
    (id) => expectCall("pauseCapsule", 200, { params: { id } }),
    (id) => expectCall("stopCapsule", 200, { params: { id } }),
  ];
  for (const way of ways) {
    const capsule = await newCapsule();
    await capsule.background({ cmd: "sleep", args: ["1000"] });
    await way(capsule.id);
    await expectCall("destroyCapsule", 204, { params: { id: capsule.id } });
    const after = await capsule.get();
    assert.equal(after.status, "stopped");
    assert.equal(after.reason, "destroyed");
    assert.equal(after.startable, false);
    await expectCall("destroyCapsule", 204, { params: { id: capsule.id } });
    await expectError("startCapsule", "invalid_state", { params: { id: capsule.id }, body: {} });
    await expectError("exec", "invalid_state", { params: { id: capsule.id }, body: { cmd: "true" } });
    const left = hostTraces(readState().dataDir);
    const traces = JSON.stringify({ ...left, processes: pidsInCapsule(capsule.id) });
    assert.ok(!traces.includes(capsule.id), `something of it is left: ${traces}`);
  }
});

test("a capsule that is still booting can be destroyed", async () => {
  const created = await expectCall("createCapsule", 201, { body: { wait_ms: 0 } });
  await expectCall("destroyCapsule", 204, { params: { id: created.id } });
  const after = await expectCall("getCapsule", 200, { params: { id: created.id } });
  assert.equal(after.reason, "destroyed");
  assert.deepEqual(pidsInCapsule(created.id), []);
});

test("what a state does not allow is a 409 invalid_state, and changes nothing", async () => {
  await using capsule = await newCapsule();
  const at = { params: { id: capsule.id } };
  await expectError("resumeCapsule", "invalid_state", { ...at, body: {} });
  await expectError("startCapsule", "invalid_state", { ...at, body: {} });
  await capsule.pause();
  await expectError("pauseCapsule", "invalid_state", at);
  await expectError("startCapsule", "invalid_state", { ...at, body: {} });
  await expectError("pingCapsule", "invalid_state", at);
  await expectError("exec", "invalid_state", { ...at, body: { cmd: "true" } });
  await expectError("listProcesses", "invalid_state", at);
  assert.equal((await capsule.get()).status, "paused");
  await expectCall("stopCapsule", 200, at);
  for (const id of ["pauseCapsule", "resumeCapsule", "stopCapsule", "pingCapsule"] as const) await expectError(id, "invalid_state", at);
  assert.equal((await capsule.get()).status, "stopped");
});

test("unknown and malformed ids are the same 404", async () => {
  for (const id of [UNKNOWN, "cl-abc123", "nonsense", "..", "cl-../x", "cl-\u{1F600}", "%00", "a".repeat(200)]) {
    await expectError("getCapsule", "not_found", { params: { id } });
    await expectError("destroyCapsule", "not_found", { params: { id } });
    await expectError("exec", "not_found", { params: { id }, body: { cmd: "true" } });
  }
});

test("ping is activity and watching is not", async () => {
  await using capsule = await newCapsule({ timeout_sec: 600 });
  const first = (await capsule.get()).last_active_at;
  await capsule.get();
  await expectCall("listProcesses", 200, { params: { id: capsule.id } });
  assert.equal((await capsule.get()).last_active_at, first);
  await expectCall("pingCapsule", 204, { params: { id: capsule.id } });
  assert.ok(Date.parse((await capsule.get()).last_active_at ?? "") >= Date.parse(first ?? ""));
});

test("the list is newest first, filters by status and label, leaves out what is destroyed, and pages to the end", async () => {
  const label = `l${Date.now()}`;
  const query = { "metadata.run": label };
  await using a = await newCapsule({ metadata: { run: label, n: "1" } });
  await using b = await newCapsule({ metadata: { run: label, n: "2" } });
  await using c = await newCapsule({ metadata: { run: label, n: "3" } });
  await expectCall("pauseCapsule", 200, { params: { id: b.id } });
  const ids = (body: unknown): readonly string[] => listOf(body).map(({ id }) => id);
  assert.deepEqual(ids(await expectCall("listCapsules", 200, { query })), [c.id, b.id, a.id]);
  assert.deepEqual(ids(await expectCall("listCapsules", 200, { query: { ...query, status: "paused" } })), [b.id]);
  assert.deepEqual(ids(await expectCall("listCapsules", 200, { query: { ...query, "metadata.n": "1" } })), [a.id]);
  assert.deepEqual(ids(await expectCall("listCapsules", 200, { query: { "metadata.run": "nobody's" } })), []);

  const seen: string[] = [];
  for (let next: string | null = ""; next !== null && seen.length < 10;) {
    const page = pageOf(
      await expectCall("listCapsules", 200, { query: { ...query, limit: "2", ...(next === "" ? {} : { cursor: next }) } }),
    );
    assert.ok(page.items.length <= 2);
    seen.push(...page.items.map(({ id }) => id));
    next = page.next_cursor;
  }
  assert.deepEqual(seen, [c.id, b.id, a.id]);

  await expectCall("destroyCapsule", 204, { params: { id: c.id } });
  assert.deepEqual(ids(await expectCall("listCapsules", 200, { query })), [b.id, a.id]);
  for (const bad of [
    { limit: "0" },
    { limit: "x" },
    { limit: String(LIMITS.listLimitMax + 1) },
    { cursor: "junk", limit: "1" },
    { status: "asleep" },
  ]) {
    await expectError("listCapsules", "invalid_request", { query: bad });
  }
});

test("the server says that it is well, describes itself, and gives metrics to this machine", async () => {
  const health = await expectCall("getHealth", 200, { key: null });
  assert.equal(health.status, "ok");
  const metrics = await call("getMetrics", { key: null });
  assert.equal(metrics.status, 200);
  assert.match(String(metrics.body), /^# TYPE /m);
  const openapi = await expectCall("getOpenapi", 200, { key: null });
  assert.match(openapi.openapi, /^3\.1/);
  const docs = await call("getDocs", { key: null });
  assert.match(docs.headers.get("content-type") ?? "", /text\/html/);
});

test("the template has what the documented samples use", async () => {
  await using capsule = await newCapsule();
  const has = await capsule.sh(
    "for p in sh bash ls git curl ps python python3 pip; do command -v $p >/dev/null && echo $p; done; test -d /workspace && ls -A /workspace; test -s /etc/ssl/certs/ca-certificates.crt && echo certificates",
  );
  assert.equal(has.stdout, "sh\nbash\nls\ngit\ncurl\nps\npython\npython3\npip\ncertificates\n");
  assert.equal((await capsule.exec({ cmd: "python", args: ["-c", 'print("hello")'] })).stdout, "hello\n");
});

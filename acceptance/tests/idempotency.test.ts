import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { request } from "node:http";
import { after, before, test } from "node:test";
import type { Answer, CallOptions } from "../harness/call.ts";
import { call, errorOf, expectCall, expectError, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { readState } from "../harness/state.ts";
import { startStream } from "../harness/stream.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const named = (key: string, body: unknown, more: CallOptions = {}): CallOptions => ({ ...more, headers: { "idempotency-key": key }, body });
const here = (): { readonly params: { readonly id: string } } => ({ params: { id: capsule.id } });
const isReplay = (answer: Answer): boolean => answer.headers.get("idempotent-replayed") === "true";
const idOf = (answer: Answer): string => String(property(answer.body, "id"));

test("50 creations at once with one key make one capsule, and each is answered with it", { timeout: 300_000 }, async () => {
  const team = await newTeam();
  const key = randomUUID();
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      call("createCapsule", named(key, { memory_mb: 64, metadata: { once: key }, wait_ms: 30_000 }, { key: team.key })),
    ),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([201]));
  assert.equal(new Set(answers.map(idOf)).size, 1);
  assert.equal(answers.filter((answer) => !isReplay(answer)).length, 1, "one of them did it");
  const list = await expectCall("listCapsules", 200, { key: team.key });
  assert.ok(Array.isArray(list) && list.length === 1);
  await expectCall("destroyCapsule", 204, { key: team.key, params: { id: list[0]?.id ?? "" } });
});

test("50 commands at once with one key run once, and each gets its output and exit code", { timeout: 300_000 }, async () => {
  const key = randomUUID();
  const body = { cmd: "sh", args: ["-c", `echo ran >> /root/${key}; sleep 0.3; echo out $$; echo err >&2; exit 7`], timeout: 60 };
  const answers = await Promise.all(Array.from({ length: 50 }, () => call("exec", named(key, body, here()))));
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]));
  assert.equal(new Set(answers.map(({ body: result }) => JSON.stringify(result))).size, 1, "one answer for all");
  assert.equal(property(answers[0]?.body, "exit_code"), 7);
  assert.equal((await capsule.sh(`cat /root/${key}`)).stdout, "ran\n");
});

test("a repeat gets the stored answer with a header that says so, whatever the order of its fields, and nothing is done again", async () => {
  const key = randomUUID();
  const first = await call(
    "exec",
    named(key, { cmd: "sh", args: ["-c", `echo $RANDOM; echo x >> /root/${key}`], envs: { A: "1", B: "2" } }, here()),
  );
  const again = await call(
    "exec",
    named(key, `{ "envs":{"B":"2","A":"1"}, "args":["-c","echo $RANDOM; echo x >> /root/${key}"],\n"cmd":"sh" }`, {
      ...here(),
      prefix: "/api",
    }),
  );
  assert.deepEqual([first.status, isReplay(first), again.status, isReplay(again)], [200, false, 200, true]);
  assert.deepEqual(again.body, first.body);
  assert.equal((await capsule.sh(`cat /root/${key}`)).stdout, "x\n");
});

test("a result that is too long to be stored is read from the journal again, in full", async () => {
  const key = randomUUID();
  const body = { cmd: "sh", args: ["-c", `seq 1 50000; echo x >> /root/${key}`] };
  const first = await call("exec", named(key, body, here()));
  const again = await call("exec", named(key, body, here()));
  assert.equal(String(property(first.body, "stdout")).length, 288_894);
  assert.deepEqual([isReplay(again), again.body], [true, first.body]);
  assert.equal((await capsule.sh(`cat /root/${key}`)).stdout, "x\n");
});

test("the same key with another body, path or query is a 422 that says which, and does nothing", async () => {
  const key = randomUUID();
  await expectCall("exec", 200, named(key, { cmd: "true" }, here()));
  const body = await expectError("exec", "idempotency_conflict", named(key, { cmd: "touch", args: ["/root/never"] }, here()));
  assert.equal(property(body.details, "differs"), "body");
  await using other = await newCapsule({ memory_mb: 64 });
  const path = await expectError("exec", "idempotency_conflict", named(key, { cmd: "true" }, { params: { id: other.id } }));
  assert.equal(property(path.details, "differs"), "request");
  assert.match(String(property(path.details, "first_request")), new RegExp(capsule.id));
  assert.equal((await capsule.sh("ls /root/never 2>&1; true")).stdout.includes("No such file"), true);
});

test("keys belong to a team: another team's same key is another request", async () => {
  const key = randomUUID();
  const other = await newTeam();
  await using mine = await newCapsule({ memory_mb: 64 }, other.key);
  const first = await call("exec", named(key, { cmd: "echo", args: ["a"] }, here()));
  const second = await call("exec", named(key, { cmd: "echo", args: ["b"] }, { key: other.key, params: { id: mine.id } }));
  assert.deepEqual([property(first.body, "stdout"), property(second.body, "stdout"), isReplay(second)], ["a\n", "b\n", false]);
});

test("keys that are empty, 10 kB long, with control characters or not ASCII are a 400 that names the header, and do nothing", async () => {
  const { url, adminKey } = readState();
  const send = (key: string): Promise<string> =>
    new Promise((done, failed) => {
      const headers = { "x-api-key": adminKey, "content-type": "application/json", "idempotency-key": key };
      const asked = request(`${url}/v1/capsules/${capsule.id}/exec`, { method: "POST", headers, insecureHTTPParser: true }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (piece: string) => (text += piece));
        response.on("end", () => done(`${response.statusCode} ${text}`));
      });
      asked.on("error", failed);
      asked.end(JSON.stringify({ cmd: "touch", args: ["/root/bad-key"] }));
    });
  for (const key of ["", "x".repeat(256), "x".repeat(10_240), "tab\there", "\u00e9", "\u00ff\u00fe"])
    assert.match(await send(key), /^400 .*"invalid_request".*[Ii]dempotency-[Kk]ey/s, JSON.stringify(key.slice(0, 20)));
  for (const key of [randomUUID().padEnd(255, "x"), `${randomUUID()} with: all ~kinds! of "printable" characters`])
    assert.match(await send(key), /^200 /);
  await using stream = await startStream(capsule.id, { cmd: "touch", args: ["/root/bad-stream-key"], idempotency_key: "x".repeat(256) });
  assert.equal((await stream.closed).code, 4002);
  assert.equal((await capsule.sh("ls /root | grep -c bad-stream; true")).stdout, "0\n");
});

test("an outcome that could only be the same again is kept; a refusal that may pass frees its key", async () => {
  const key = randomUUID();
  const missing = { cmd: "true", cwd: "/not/there" };
  const first = await call("exec", named(key, missing, here()));
  const again = await call("exec", named(key, missing, here()));
  assert.deepEqual([first.status, again.status, isReplay(again)], [400, 400, true]);
  assert.equal(errorOf(again.body).message, errorOf(first.body).message);
  const waiting = randomUUID();
  await using mine = await newCapsule({ memory_mb: 64 });
  const at = { params: { id: mine.id } };
  const paused = await call("pauseCapsule", { ...at, headers: { "idempotency-key": waiting } });
  const repeated = await call("pauseCapsule", { ...at, headers: { "idempotency-key": waiting } });
  assert.deepEqual([paused.status, repeated.status, isReplay(repeated)], [200, 200, true]);
  await expectError("pauseCapsule", "invalid_state", { ...at, headers: { "idempotency-key": randomUUID() } });
});

test("a command with a key goes on without its client, and the repeat gets its result", async () => {
  const key = randomUUID();
  const body = { cmd: "sh", args: ["-c", `echo x >> /root/${key}; sleep 0.5; echo done`] };
  const abort = new AbortController();
  const cut = call("exec", { ...named(key, body, here()), signal: abort.signal }).catch(() => "cut off");
  await waitUntil(async () => ((await capsule.sh(`cat /root/${key} 2>/dev/null; true`)).stdout === "x\n" ? true : undefined), {
    what: "its start",
  });
  abort.abort();
  assert.equal(await cut, "cut off");
  const again = await call("exec", named(key, body, here()));
  assert.deepEqual([again.status, property(again.body, "stdout"), property(again.body, "reason")], [200, "done\n", "exited"]);
  assert.equal((await capsule.sh(`cat /root/${key}`)).stdout, "x\n");
});

test("a start over a socket with a key happens once: a repeat is attached from the first record", async () => {
  const key = randomUUID();
  const start = {
    cmd: "sh",
    args: ["-c", `echo x >> /root/${key}; echo first; while [ ! -e /root/go-${key} ]; do sleep 0.02; done; echo last`],
    idempotency_key: key,
  };
  const first = await startStream(capsule.id, start);
  await first.printed((text) => text === "first\n");
  first.socket.terminate();
  await using again = await startStream(capsule.id, start);
  await using third = await startStream(capsule.id, start);
  await capsule.sh(`touch /root/go-${key}`);
  for (const stream of [again, third]) {
    await stream.message("exit");
    assert.equal(stream.text(), "first\nlast\n");
    assert.equal((await stream.message("start")).id, (await first.message("start")).id);
  }
  assert.equal((await capsule.sh(`cat /root/${key}`)).stdout, "x\n");
});

test(
  "a name is its capsule's while it exists: 409 with its id, or the capsule itself with on_conflict=return",
  { timeout: 300_000 },
  async () => {
    const team = await newTeam();
    const options = { key: team.key, body: { name: "mine", memory_mb: 64, wait_ms: 30_000 } };
    const query = { on_conflict: "return" };
    const answers = await Promise.all(Array.from({ length: 20 }, () => call("createCapsule", { ...options, query })));
    assert.equal(new Set(answers.map(idOf)).size, 1, "create or get, at once, makes one");
    assert.deepEqual(answers.map(({ status }) => status).filter((status) => status === 201).length, 1);
    const [id = ""] = answers.map(idOf);
    const taken = await expectError("createCapsule", "conflict", options);
    assert.equal(property(taken.details, "id"), id);
    await using other = await newCapsule({ name: "mine", memory_mb: 64 });
    assert.notEqual(other.id, id, "another team has names of its own");
    await expectCall("destroyCapsule", 204, { key: team.key, params: { id } });
    const next = await expectCall("createCapsule", 201, options);
    assert.notEqual(next.id, id);
    await expectCall("destroyCapsule", 204, { key: team.key, params: { id: next.id } });
  },
);

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { getRun, publish, request, runEnded, runSeen, streamOf } from "../harness/endpoint.ts";
import { newTeam } from "../harness/team.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

test("a run's record says who, what, when, how it ended and what it printed", async () => {
  await using one = await publish({ command: `sh -c 'echo out; echo err >&2; exit 3'`, args: [{ name: "a" }], capsule: capsule.id });
  const { run_id: id } = await one.json({ body: { a: "1" } });
  const run = await getRun(id);
  const keys = await expectCall("listKeys", 200);
  assert.ok(
    keys.some((key) => key.id === run.key_id),
    "the caller's key, by its id",
  );
  assert.partialDeepStrictEqual(run, {
    endpoint: one.name,
    status: "failed",
    reason: "exited",
    error: null,
    exit_code: 3,
    signal: null,
    source: "api",
    args: { a: "1" },
    delivery_id: null,
    stdout_bytes: 4,
    stderr_bytes: 4,
    capsule_id: capsule.id,
    output: "out\nerr\n",
    notification: null,
  });
  assert.match(run.process_id ?? "", /^pr-/);
  const times = [run.created_at, run.started_at, run.ended_at].map((at) => Date.parse(at ?? ""));
  assert.ok(
    times.every((at, nth) => nth === 0 || at >= (times[nth - 1] ?? Number.NaN)),
    `${times.join(" ")}`,
  );
  await using open = await publish({ command: "true", public: true, capsule: capsule.id });
  const { run_id: anyones } = await open.json({ key: null });
  assert.equal((await getRun(anyones)).source, "public");
});

test("async answers 202 with the run's id at once; the run can be followed, and read when it has ended", async () => {
  await using one = await publish({ command: `sh -c 'echo a; sleep 0.5; echo b'`, async: true, capsule: capsule.id });
  const id = await one.accepted();
  await using stream = await streamOf(`/v1/runs/${id}/stream`);
  await stream.over();
  assert.deepEqual(stream.lines(), ["a", "b"]);
  const run = await runEnded(id);
  assert.equal(run.output, "a\nb\n");
  assert.equal(run.status, "succeeded");
});

test("runs are listed newest first, by endpoint, status and source, page by page", async () => {
  const team = await newTeam();
  await using good = await publish({ command: "true" }, { key: team.key, name: "good" });
  await using bad = await publish({ command: "false" }, { key: team.key, name: "bad" });
  const ids: string[] = [];
  for (const one of [good, bad, good]) ids.unshift((await one.json()).run_id);
  const list = async (query: Readonly<Record<string, string>>): Promise<readonly string[]> =>
    (await expectCall("listRuns", 200, { key: team.key, query })).items.map(({ id }) => id);
  assert.deepEqual(await list({}), ids);
  assert.deepEqual(await list({ endpoint: "bad" }), [ids[1]]);
  assert.deepEqual(await list({ status: "succeeded" }), [ids[0], ids[2]]);
  assert.deepEqual(await list({ status: "failed", source: "api" }), [ids[1]]);
  assert.deepEqual(await list({ source: "schedule" }), []);
  const seen: string[] = [];
  let cursor: string | null = null;
  do {
    const page: { readonly items: readonly { readonly id: string }[]; readonly next_cursor: string | null } = await expectCall(
      "listRuns",
      200,
      {
        key: team.key,
        query: { limit: "1", ...(cursor === null ? {} : { cursor }) },
      },
    );
    seen.push(...page.items.map(({ id }) => id));
    cursor = page.next_cursor;
  } while (cursor !== null);
  assert.deepEqual(seen, ids);
  await expectError("listRuns", "invalid_request", { key: team.key, query: { status: "gone" } });
  const { items } = await expectCall("listRuns", 200);
  assert.ok(
    items.every(({ id }) => !ids.includes(id)),
    "another team's are not told",
  );
});

test("runs stay when their endpoint is gone", async () => {
  const one = await publish({ command: "echo kept", capsule: capsule.id });
  const { run_id: id } = await one.json();
  await one[Symbol.asyncDispose]();
  assert.equal((await getRun(id)).output, "kept\n");
  await using stream = await streamOf(`/v1/runs/${id}/stream`);
  await stream.over();
  assert.deepEqual(stream.lines(), ["kept"]);
});

test("calls with one Idempotency-Key are one run, at the same time and later; another request under it is refused; another caller's is another", async () => {
  const stranger = await newTeam();
  await using one = await publish({
    command: `sh -c 'echo x >> /root/once; sleep 0.3; echo "for $0"'`,
    args: [{ name: "a" }],
    public: true,
    capsule: capsule.id,
  });
  const headers = { "idempotency-key": "deploy-42" };
  const answers = await Promise.all(Array.from({ length: 5 }, () => one.json({ body: { a: "1" }, headers })));
  assert.equal(new Set(answers.map(({ run_id: id }) => id)).size, 1);
  const again = await one.call({ body: { a: "1" }, headers: { ...headers, accept: "application/json" } });
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  assert.deepEqual(await again.json(), answers[0]);
  await using stream = await one.stream({ body: { a: "1" }, headers });
  await stream.over();
  assert.deepEqual(stream.lines(), ["for 1"], "a repeat may be answered in the other form");
  assert.equal((await one.refused(422, { body: { a: "2" }, headers })).code, "idempotency_conflict");
  assert.equal((await capsule.sh("wc -l < /root/once")).stdout.trim(), "1");
  const other = await one.json({ key: stranger.key, body: { a: "1" }, headers });
  assert.notEqual(other.run_id, answers[0]?.run_id);
  assert.equal((await capsule.sh("wc -l < /root/once; rm /root/once")).stdout.trim(), "2");
  await one.refused(400, { headers: { "idempotency-key": "x".repeat(256) } });
});

test("a run that waits or runs is cancelled: its tree dies, its caller is told, its record keeps what it printed", async () => {
  await using one = await publish({
    command: `sh -c 'echo begun; setsid sleep 6161 & sleep 6162'`,
    async: true,
    max_concurrency: 1,
    capsule: capsule.id,
  });
  const running = await one.accepted();
  const waiting = await one.accepted();
  await runSeen(running, ({ stdout_bytes: bytes, status }) => bytes > 0 || status !== "running", "output");
  assert.equal((await getRun(waiting)).status, "queued");
  assert.equal((await expectCall("cancelRun", 200, { params: { id: waiting } })).status, "cancelled");
  await expectCall("cancelRun", 200, { params: { id: running } });
  const ended = await runEnded(running);
  assert.equal(ended.status, "cancelled");
  assert.equal(ended.output, "begun\n");
  assert.equal((await getRun(waiting)).started_at, null);
  assert.equal((await capsule.sh("ps -eo args= | grep -c '^sleep 616' || true")).stdout.trim(), "0");
});

test("a run's output is read by offset, as JSON or as its own bytes, each stream by itself", async () => {
  await using one = await publish({ command: `sh -c 'seq 1000; echo err >&2'`, capsule: capsule.id });
  const { run_id: id } = await one.json();
  const text = Array.from({ length: 1000 }, (_, at) => `${at + 1}\n`).join("");
  const page = await expectCall("getRunOutput", 200, { params: { id }, query: { stream: "stdout", from: "10", limit: "20" } });
  assert.equal(page.data, text.slice(10, 30));
  assert.equal(page.next, 30);
  assert.equal(page.total, text.length);
  const raw = await request(`/v1/runs/${id}/output?stream=stdout`, { headers: { accept: "application/octet-stream" } });
  assert.equal(await raw.text(), text);
  assert.equal(raw.headers.get("x-output-total"), `${text.length}`);
  assert.equal((await expectCall("getRunOutput", 200, { params: { id }, query: { stream: "stderr" } })).data, "err\n");
  await expectError("getRunOutput", "invalid_offset", { params: { id }, query: { from: "999999" } });
});

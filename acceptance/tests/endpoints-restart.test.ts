import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { errorOf, expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { CallStream } from "../harness/call-stream.ts";
import { getRun, publish, runEnded, runSeen, someName, streamOf } from "../harness/endpoint.ts";
import type { Run, TestEndpoint } from "../harness/endpoint.ts";
import { newReceiver } from "../harness/receiver.ts";
import { restart } from "../harness/restart.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

/** Changes the stored time at which an endpoint's schedule runs next, while no server is there. */
function setNextRun(endpointId: string, at: number): void {
  const database = new DatabaseSync(join(readState().dataDir, "capsuled.db"));
  try {
    const { changes } = database.prepare("update endpoints set next_run_at = ? where id = ?").run(at, endpointId);
    assert.equal(changes, 1);
  } finally {
    database.close();
  }
}

for (const [where, own] of [
  ["a capsule that exists", false],
  ["a fresh capsule", true],
] as const) {
  test(
    `a run in ${where} goes on while its server is killed and started anew, and its caller resumes without loss or double`,
    { timeout: 120_000 },
    async () => {
      await using capsule = await newCapsule();
      await using one = await publish({
        command: `sh -c 'echo begun >&2; for i in $(seq 400); do echo $i; sleep 0.01; done; exit 5'`,
        timeout: 100,
        ...(own ? {} : { capsule: capsule.id }),
      });
      const numbers: string[] = [];
      let lastId: string | null = null;
      let runId = "";
      for (let tries = 0; tries < 20; tries++) {
        const headers: Record<string, string> = lastId === null ? {} : { "last-event-id": lastId };
        await using stream: CallStream = await one.stream({ headers });
        assert.equal(stream.status, 200);
        runId ||= stream.runId;
        assert.equal(stream.runId, runId);
        const wanted = tries < 2 ? numbers.length + 60 : Number.POSITIVE_INFINITY;
        await stream.event((event) => event.type === "done" || numbers.length + stream.lines("stdout").length >= wanted).catch(() => null);
        const seen = stream.seen.slice();
        if (tries < 2) await restart("SIGKILL");
        for (const { event } of seen) if (event.type === "output" && event.stream === "stdout") numbers.push(event.data);
        lastId = seen.at(-1)?.id ?? lastId;
        const last = seen.at(-1)?.event;
        if (last?.type === "done") {
          assert.equal(last.exit_code, 5);
          break;
        }
      }
      assert.deepEqual(
        numbers,
        Array.from({ length: 400 }, (_, at) => `${at + 1}`),
      );
      const ended = await runEnded(runId);
      assert.deepEqual([ended.status, ended.exit_code], ["failed", 5]);
      assert.equal((await one.runs()).length, 1, "and it ran once");
    },
  );
}

test(
  "an accepted run that waited when the server died runs once after it, and one that ended keeps its output",
  { timeout: 300_000 },
  async () => {
    await using capsule = await newCapsule();
    const mark = someName();
    await using one = await publish({
      command: `sh -c 'echo "$0" >> /root/${mark}; until [ -e /root/go ]; do sleep 0.05; done; echo done "$0"'`,
      args: [{ name: "n" }],
      async: true,
      max_concurrency: 1,
      timeout: 100,
      capsule: capsule.id,
    });
    await using before = await publish({ command: "seq 3", capsule: capsule.id });
    const { run_id: kept } = await before.json();
    // A call that is waited for is stored within 20 ms of its end; who looks at the list sees it stored.
    assert.equal((await before.runs()).length, 1);
    const first = await one.accepted({ body: { n: 1 } });
    await runSeen(first, ({ started_at: at }) => at !== null, "start");
    const second = await one.accepted({ body: { n: 2 } });
    await restart("SIGKILL");
    assert.equal((await getRun(kept)).output, "1\n2\n3\n");
    await capsule.sh("touch /root/go");
    for (const [id, text] of [
      [first, "done 1\n"],
      [second, "done 2\n"],
    ] as const) {
      const run = await runEnded(id);
      assert.deepEqual([run.status, run.output], ["succeeded", text]);
    }
    assert.equal((await capsule.sh(`cat /root/${mark}`)).stdout, "1\n2\n", "each once, in order");
  },
);

test("a delivery that is repeated after the server's death is still the same run", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule();
  await using hook = await publish({
    command: `sh -c 'cat; until [ -e /root/on ]; do sleep 0.05; done; echo " once"'`,
    trigger: "webhook",
    webhook_source: "github",
    capsule: capsule.id,
  });
  const deliver = (): Promise<string> => hook.accepted({ body: "{}", headers: { "x-github-delivery": "same-one" } });
  const id = await deliver();
  await runSeen(id, ({ output }) => output === "{}", "body that has come");
  await restart("SIGKILL");
  assert.equal(await deliver(), id);
  await capsule.sh("touch /root/on");
  assert.equal((await runEnded(id)).output, "{} once\n");
  assert.equal((await hook.runs()).length, 1);
});

test("input that the server had not given whole when it died comes from the next one, each byte once", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule();
  await using one = await publish({
    command: `sh -c 'until [ -e /root/read ]; do sleep 0.05; done; sha256sum'`,
    stdin: "body",
    async: true,
    timeout: 100,
    capsule: capsule.id,
  });
  // More than waits for a process that reads nothing: the server has the rest when it dies.
  const body = Uint8Array.from({ length: 1_900_000 }, (_, index) => (index * 7919) >> 3);
  const id = await one.accepted({ body });
  await runSeen(id, ({ started_at: at }) => at !== null, "start");
  await restart("SIGKILL");
  await capsule.sh("touch /root/read");
  const run = await runEnded(id);
  assert.deepEqual([run.status, run.output], ["succeeded", `${createHash("sha256").update(body).digest("hex")}  -\n`]);
});

test("a notification that was not taken is sent again after a restart, once it is its time", { timeout: 300_000 }, async () => {
  let isUp = false;
  await using receiver = await newReceiver(() => ({ status: isUp ? 200 : 503 }));
  await using one = await publish({ command: "echo told", notify_url: `${receiver.url}/told` });
  const { run_id: id } = await one.json();
  await runSeen(id, ({ notification }) => (notification?.attempts ?? 0) >= 1, "first attempt");
  isUp = true;
  await restart("SIGTERM");
  const run = await waitUntil(
    async () => {
      const seen = await getRun(id);
      return seen.notification?.status === "delivered" ? seen : undefined;
    },
    { what: "the delivery", timeoutMs: 60_000, everyMs: 100 },
  );
  assert.ok((run.notification?.attempts ?? 0) >= 2);
  const ids = new Set(receiver.deliveries.map(({ headers }) => headers["webhook-id"]));
  assert.deepEqual([...ids], [id]);
});

test(
  "times of a schedule at which no server was there are recorded as missed; one that is just past is run",
  { timeout: 300_000 },
  async () => {
    await using capsule = await newCapsule();
    await using late = await publish({ command: "echo late", schedule: "*/5 * * * *", capsule: capsule.id });
    await using due = await publish({ command: "echo due", schedule: "0 0 1 1 *", capsule: capsule.id });
    const before = Math.floor((Date.now() - 16 * 60_000) / 300_000) * 300_000;
    let dueAt = 0;
    await restart("SIGTERM", () => {
      dueAt = Date.now() - 1000;
      setNextRun(late.published.id, before);
      setNextRun(due.published.id, dueAt);
    });
    const ran = await waitUntil(async () => (await due.runs()).find(({ status }) => status === "succeeded" || status === "missed"), {
      what: "the run that was due",
      timeoutMs: 30_000,
    });
    assert.deepEqual([ran.source, ran.status === "missed" && Date.parse(ran.created_at) - dueAt < 60_000], ["schedule", false]);
    const missed = await waitUntil(
      async () => {
        const runs = await late.runs({ status: "missed" });
        return runs.length >= 3 ? runs : undefined;
      },
      { what: "the records of missed times", timeoutMs: 30_000 },
    );
    // Four times are at least a minute old before the restart, and a fifth when the server is up only after its minute.
    assert.ok(missed.length <= 5, `${missed.length}`);
    assert.ok(missed.every(({ reason, started_at: at }) => reason === "missed" && at === null));
    const { next_run_at: next } = await expectCall("getEndpoint", 200, { params: { name: late.name } });
    assert.ok(Date.parse(next ?? "") > Date.now() - 60_000, "and the schedule goes on");
  },
);

test(
  "a time of a schedule at which its last run is still under way is recorded as missed, whatever server began that; with overlap: true it runs",
  { timeout: 300_000 },
  async () => {
    await using capsule = await newCapsule();
    const definition = { command: "sleep 1000", timeout: 110, schedule: "0 0 1 1 *", capsule: capsule.id };
    await using alone = await publish(definition);
    await using many = await publish({ ...definition, overlap: true });
    const scheduled = (one: TestEndpoint, status: string): Promise<readonly Run[]> => one.runs({ source: "schedule", status });
    const bothDue = (): void => {
      for (const one of [alone, many]) setNextRun(one.published.id, Date.now() - 1000);
    };
    const until = (what: string, holds: () => Promise<boolean>): Promise<true> =>
      waitUntil(async () => ((await holds()) ? true : undefined), { what, timeoutMs: 30_000, everyMs: 50 });
    await restart("SIGTERM", bothDue);
    for (const one of [alone, many]) await until("the first time's run", async () => (await scheduled(one, "running")).length === 1);
    await restart("SIGKILL", bothDue);
    await until("the second time's run", async () => (await scheduled(many, "running")).length === 2);
    await until("the second time's record", async () => (await scheduled(alone, "missed")).length === 1);
    const [missed] = await scheduled(alone, "missed");
    assert.deepEqual([missed?.reason, missed?.started_at, missed?.exit_code], ["overlapped", null, null]);
    assert.match((await getRun(missed?.id ?? "")).error ?? "", /still under way/);
    assert.equal((await scheduled(alone, "running")).length, 1);
    assert.deepEqual(await scheduled(many, "missed"), []);
    for (const one of [alone, many])
      for (const { id } of await scheduled(one, "running")) await expectCall("cancelRun", 200, { params: { id } });
  },
);

test("SIGTERM ends a caller's stream cleanly, at an event's end, and lets the run go on", { timeout: 300_000 }, async () => {
  await using capsule = await newCapsule();
  await using one = await publish({ command: `sh -c 'echo up; sleep 3; echo end'`, capsule: capsule.id });
  await using stream = await one.stream();
  await stream.line("up");
  await restart("SIGTERM");
  await stream.over().catch(() => null);
  assert.ok(stream.raw.endsWith("\n\n"), stream.raw);
  await using rest = await streamOf(`/v1/runs/${stream.runId}/stream`, { headers: { "last-event-id": stream.seen.at(-1)?.id ?? "" } });
  await rest.over();
  assert.deepEqual(rest.lines(), ["end"]);
  assert.equal(rest.done().exit_code, 0);
});

test(
  "settings hold: calls per key are limited, private addresses get no notification, no page is let in, and the longest timeout is the operator's",
  { timeout: 300_000 },
  async () => {
    await using capsule = await newCapsule();
    await using receiver = await newReceiver();
    const team = await newTeam();
    await restart("SIGTERM", () => {}, {
      CAPSULED_CALL_RATE: "5",
      CAPSULED_NOTIFY_PRIVATE: "false",
      CAPSULED_CORS_ORIGINS: "none",
      CAPSULED_ENDPOINT_TIMEOUT_MAX: "600",
    });
    try {
      await using long = await publish({ command: "true", timeout: 600, capsule: capsule.id });
      const page = await long.call({ headers: { origin: "http://pages.test", accept: "application/json" } });
      await page.text();
      assert.equal(page.headers.get("access-control-allow-origin"), null);
      const { port } = new URL(receiver.url);
      for (const host of ["127.0.0.1", "localhost", "[::1]", "2130706433", "0x7f.1", "0.0.0.0", "[::ffff:127.0.0.1]", "169.254.169.254"]) {
        await using told = await publish({ command: "true", notify_url: `http://${host}:${port}/x`, async: true, capsule: capsule.id });
        const id = await told.accepted({ key: (await expectCall("createKey", 201, { body: { name: host, role: "member" } })).key });
        const { notification } = await runSeen(
          id,
          (run) => run.notification !== null && run.notification.attempts > 0,
          `attempt at ${host}`,
        );
        assert.notEqual(notification?.status, "delivered", host);
        assert.match(notification?.last_error ?? "", /public|private/i, host);
      }
      assert.deepEqual(receiver.deliveries, [], "nothing came to this host");
      await using home = await newCapsule({}, team.key);
      await using limited = await publish({ command: "true", capsule: home.id }, { key: team.key });
      const told = ({ headers }: Response, ...names: readonly string[]): readonly number[] =>
        names.map((name) => Number(headers.get(name) ?? "NaN"));
      const took = performance.now();
      let refused: Response | undefined;
      for (let nth = 1; refused === undefined && nth < 50; nth++) {
        // Events or JSON, a run or an error of its arguments: each is a call.
        const response = await limited.call({ headers: { accept: ["text/event-stream", "application/json"][nth % 2] ?? "" } });
        const [limit = 0, remaining = 0, reset = 0] = told(response, "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset");
        // One comes back every 12 s.
        const back = Math.floor((performance.now() - took) / 12_000) + 1;
        assert.equal(limit, 5);
        assert.ok(remaining >= Math.max(0, 5 - nth) && remaining <= Math.max(0, 5 - nth) + back, `${remaining} after ${nth} calls`);
        assert.ok(reset > 0 && reset <= 60, `seconds until all are there again: ${reset}`);
        if (response.status === 429) refused = response;
        else assert.equal((await response.text(), response.status), 200);
      }
      assert.ok(refused !== undefined, "more calls than the limit were taken");
      const [after = 0, remaining] = told(refused, "retry-after", "x-ratelimit-remaining");
      assert.deepEqual([remaining, after >= 1 && after <= 12], [0, true], `seconds until the next one is there: ${after}`);
      const { code, details } = errorOf(await refused.json());
      assert.deepEqual([code, details], ["rate_limited", { limit: 5, window: "60s", retry_after: after }]);
      const other = await expectCall("createKey", 201, { key: team.key, body: { name: "other", role: "member" } });
      const another = await limited.call({ key: other.key });
      await another.text();
      assert.deepEqual([another.status, ...told(another, "x-ratelimit-remaining")], [200, 4], "another key of the team has its own");
    } finally {
      await restart("SIGTERM");
    }
  },
);

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, expectCall, expectError, jsonAt } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { getRun, publish, runEnded, runSeen } from "../harness/endpoint.ts";
import type { Run } from "../harness/endpoint.ts";
import { isSigned, newReceiver } from "../harness/receiver.ts";
import { TEAM_RUNS_MAX } from "../harness/server-process.ts";
import { readState } from "../harness/state.ts";
import { newTeam } from "../harness/team.ts";
import { openTerminal } from "../harness/terminal.ts";
import { waitUntil } from "../harness/wait.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const EVERY_MINUTE = "* * * * *";
const MINUTE_MS = 60_000;

/** Waits for a run of the schedule; a minute at most, and the server's own second. */
function scheduled(runs: () => Promise<readonly Run[]>, holds: (run: Run) => boolean): Promise<Run> {
  return waitUntil(async () => (await runs()).find((run) => run.source === "schedule" && holds(run)), {
    what: "a run of the schedule",
    timeoutMs: 90_000,
    everyMs: 250,
  });
}

/** Waits, where the minute is nearly over, for the next one: what follows is done before a schedule of each minute is due. */
async function earlyInMinute(): Promise<void> {
  const left = MINUTE_MS - (Date.now() % MINUTE_MS);
  if (left < 10_000) await sleep(left);
}

/** All at once, so that a minute is waited for once only. */
describe("what the server does by itself", { concurrency: true, timeout: 300_000 }, () => {
  test("a schedule runs its command on the minute with the arguments' defaults, and says when it runs next", async () => {
    const began = Date.now();
    await using one = await publish({
      command: "echo",
      args: [{ name: "who", default: "world" }],
      schedule: EVERY_MINUTE,
      capsule: capsule.id,
    });
    const due = Date.parse(one.published.next_run_at ?? "");
    assert.ok(due > began - 1000 && due <= Date.now() + MINUTE_MS && due % MINUTE_MS === 0, `${one.published.next_run_at}`);
    assert.equal((await one.json({ body: { who: "caller" } })).output, "caller\n", "it stays callable");
    const run = await scheduled(one.runs, ({ status }) => status === "succeeded");
    assert.deepEqual(run.args, { who: "world" });
    assert.equal(run.key_id, null);
    assert.ok(
      Date.parse(run.created_at) >= due && Date.parse(run.created_at) < due + 30_000,
      `${run.created_at} for ${one.published.next_run_at}`,
    );
    assert.equal((await getRun(run.id)).output, "world\n");
    const { next_run_at: next } = await expectCall("getEndpoint", 200, { params: { name: one.name } });
    assert.ok(Date.parse(next ?? "") > due);
    assert.equal(
      (await one.runs({ source: "schedule" })).filter(({ created_at: at }) => Date.parse(at) < due + 50_000).length,
      1,
      "one run for one time",
    );
  });

  test("a run that is called for does not keep the schedule's from running", async () => {
    await using alone = await publish({ command: "sleep 100", schedule: EVERY_MINUTE, timeout: 110, async: true, capsule: capsule.id });
    const called = await alone.accepted();
    await runSeen(called, ({ started_at: at }) => at !== null, "start");
    const first = await scheduled(alone.runs, ({ status }) => status !== "queued");
    assert.equal(first.status === "missed" ? first.reason : first.status, "running");
    assert.equal((await getRun(called)).status, "running");
    for (const { id } of await alone.runs()) await expectCall("cancelRun", 200, { params: { id } });
  });

  test("a paused schedule does not run and keeps its expression; a resumed one goes on from the next time", async () => {
    await earlyInMinute();
    await using one = await publish({ command: "true", schedule: EVERY_MINUTE, capsule: capsule.id });
    const due = Date.parse(one.published.next_run_at ?? "");
    const paused = await expectCall("pauseEndpointSchedule", 200, { params: { name: one.name } });
    assert.equal(paused.schedule_paused, true);
    assert.equal(paused.next_run_at, null);
    assert.equal(paused.schedule, EVERY_MINUTE);
    await sleep(Math.max(0, due - Date.now()) + 5000);
    assert.deepEqual(await one.runs({ source: "schedule" }), []);
    const resumedAt = Date.now();
    const resumed = await expectCall("resumeEndpointSchedule", 200, { params: { name: one.name } });
    assert.equal(resumed.schedule_paused, false);
    assert.ok(Date.parse(resumed.next_run_at ?? "") > resumedAt, "what fell into the pause is not made up for");
    assert.deepEqual(await one.runs({ source: "schedule" }), []);
  });

  test("cron is five fields in the time zone that is named, with its summer time; others are refused", async () => {
    for (const [timezone, hours] of [
      ["UTC", [3]],
      ["Europe/Berlin", [1, 2]],
      ["Asia/Kolkata", [21]],
    ] as const) {
      await using one = await publish({ command: "true", schedule: "0 3 * * *", timezone });
      const next = new Date(one.published.next_run_at ?? "");
      assert.ok(
        hours.some((hour) => hour === next.getUTCHours()),
        `${timezone}: ${next.toISOString()}`,
      );
      assert.equal(new Intl.DateTimeFormat("en-GB", { timeZone: timezone, hour: "2-digit", minute: "2-digit" }).format(next), "03:00");
    }
  });

  test("after a run its endpoint's address gets a signed POST with the run and the head of its output, once", async () => {
    await using receiver = await newReceiver();
    await using one = await publish({ command: `sh -c 'echo built; exit 2'`, notify_url: `${receiver.url}/done`, capsule: capsule.id });
    const { run_id: id } = await one.json();
    const [delivered] = await receiver.delivered("/done");
    assert.ok(delivered !== undefined);
    assert.equal(jsonAt(delivered.body, "type"), "run.ended");
    assert.deepEqual(
      ["id", "endpoint", "status", "exit_code"].map((field) => jsonAt(delivered.body, "data", "run", field)),
      [id, one.name, "failed", 2],
    );
    assert.equal(jsonAt(delivered.body, "data", "output"), "built\n");
    assert.equal(delivered.headers["webhook-id"], id);
    const { notify_secret: secret = "" } = await expectCall("getEndpoint", 200, { params: { name: one.name } });
    assert.ok(isSigned(delivered, secret), "signed by the endpoint's own secret");
    assert.ok(!isSigned({ ...delivered, body: `${delivered.body} ` }, secret), "over the very bytes");
    const told = await runSeen(id, ({ notification }) => notification?.status === "delivered", "delivery");
    assert.equal(told.notification?.attempts, 1);
    assert.equal(told.notification?.last_status, 204);
    await sleep(1500);
    assert.equal(receiver.deliveries.length, 1);
  });

  test("notify_on says after which runs, and a sensitive endpoint's output and arguments stay out", async () => {
    await using receiver = await newReceiver();
    const runs: Record<string, readonly string[]> = { always: ["true", "false"], success: ["true", "false"], failure: ["true", "false"] };
    const endpoints = await Promise.all(
      Object.entries(runs).flatMap(([when, commands]) =>
        commands.map((command) =>
          publish({ command, notify_url: `${receiver.url}/${when}/${command}`, notify_on: when, capsule: capsule.id }),
        ),
      ),
    );
    await using secret = await publish({
      command: "echo",
      args: [{ name: "token" }],
      sensitive: true,
      notify_url: `${receiver.url}/secret`,
      capsule: capsule.id,
    });
    await Promise.all([...endpoints.map((one) => one.json()), secret.json({ body: { token: "tok-123456" } })]);
    for (const path of ["/always/true", "/always/false", "/success/true", "/failure/false", "/secret"]) await receiver.delivered(path);
    await sleep(1500);
    assert.deepEqual(receiver.deliveries.map(({ path }) => path).toSorted(), [
      "/always/false",
      "/always/true",
      "/failure/false",
      "/secret",
      "/success/true",
    ]);
    const [told] = await receiver.delivered("/secret");
    assert.ok(!(told?.body ?? "").includes("tok-123456"));
    for (const one of endpoints) await one[Symbol.asyncDispose]();
  });

  test("what is not taken is sent again, under the same id and with the same body; redirects are not followed, and refusals end it", async () => {
    await using receiver = await newReceiver((path, nth) => {
      if (path === "/later") return { status: nth === 1 ? 503 : 200 };
      if (path === "/moved") return { status: 302, headers: { location: "/elsewhere" } };
      return { status: path === "/gone" ? 410 : 422 };
    });
    const later = await publish({ command: "echo x", notify_url: `${receiver.url}/later`, capsule: capsule.id });
    const moved = await publish({ command: "echo x", notify_url: `${receiver.url}/moved`, capsule: capsule.id });
    const refusing = await publish({ command: "echo x", notify_url: `${receiver.url}/refuses`, capsule: capsule.id });
    const gone = await publish({ command: "echo x", notify_url: `${receiver.url}/gone`, capsule: capsule.id });
    const [first, second, third, fourth] = await Promise.all([later, moved, refusing, gone].map((one) => one.json()));
    const [one, two] = await receiver.delivered("/later", 2, 40_000);
    assert.ok(one !== undefined && two !== undefined && first !== undefined);
    assert.equal(one.headers["webhook-id"], two.headers["webhook-id"]);
    assert.equal(one.body, two.body);
    assert.ok(two.at - one.at >= 4500, `${two.at - one.at} ms between the attempts`);
    assert.equal(
      (await runSeen(first.run_id, ({ notification }) => notification?.status === "delivered", "delivery")).notification?.attempts,
      2,
    );
    for (const [run, status] of [
      [third, 422],
      [fourth, 410],
    ] as const) {
      const { notification } = await runSeen(run?.run_id ?? "", (seen) => seen.notification?.status === "failed", "end of its attempts");
      assert.deepEqual([notification?.attempts, notification?.last_status], [1, status]);
    }
    const { notification } = await runSeen(second?.run_id ?? "", (run) => (run.notification?.attempts ?? 0) > 0, "attempt");
    assert.equal(notification?.last_status, 302);
    assert.ok(receiver.deliveries.every(({ path }) => path !== "/elsewhere"));
    for (const endpoint of [later, moved, refusing, gone]) await endpoint[Symbol.asyncDispose]();
  });

  test("the secret of notifications is for an admin's key only", async () => {
    const team = await newTeam();
    const member = await expectCall("createKey", 201, { key: team.key, body: { name: "member", role: "member" } });
    await using one = await publish({ command: "true", notify_url: "https://example.com/x" }, { key: team.key });
    assert.match((await expectCall("getEndpoint", 200, { key: team.key, params: { name: one.name } })).notify_secret ?? "", /^whsec_/);
    assert.equal((await expectCall("getEndpoint", 200, { key: member.key, params: { name: one.name } })).notify_secret, undefined);
  });

  test("a run of a schedule tells its end too", async () => {
    await using receiver = await newReceiver();
    await using one = await publish({
      command: "echo tick",
      schedule: EVERY_MINUTE,
      notify_url: `${receiver.url}/tick`,
      capsule: capsule.id,
    });
    const run = await scheduled(one.runs, () => true);
    const [delivered] = await receiver.delivered("/tick");
    assert.equal(jsonAt(delivered?.body ?? "{}", "data", "run", "id"), run.id);
    assert.equal((await runEnded(run.id)).source, "schedule");
  });

  test("of a team's runs the oldest go once they are too many, and one that is too old goes, each with its output", async () => {
    const [many, old] = [await newTeam(), await newTeam()];
    const file = (id: string): string => join(readState().dataDir, "runs", id);
    const isGone = async (id: string, key: string): Promise<true | undefined> => {
      const { status } = await call("getRun", { key, params: { id } });
      return status === 404 && !existsSync(file(id)) ? true : undefined;
    };
    /** Endpoints of a team's in a capsule of its own, one of them with more output than a row holds. */
    const endpoints = async ({ key }: { readonly key: string }) => {
      const { id } = await newCapsule({ memory_mb: 64 }, key);
      const large = await publish({ command: "seq 200000", capsule: id }, { key });
      const small = await publish({ command: "true", capsule: id }, { key });
      return { large, small, end: () => expectCall("destroyCapsule", 204, { key, params: { id } }) };
    };
    const [first, second] = [await endpoints(many), await endpoints(old)];
    const { run_id: oldest } = await first.large.json();
    const { run_id: aged } = await second.large.json();
    for (const [id, key] of [
      [oldest, many.key],
      [aged, old.key],
    ] as const)
      await runSeen(id, ({ ended_at: at }) => at !== null && existsSync(file(id)), "output's file", key);
    const { run_id: young } = await second.small.json();
    for (let made = 0; made < TEAM_RUNS_MAX; made += 20) await Promise.all(Array.from({ length: 20 }, () => first.small.json()));
    await second.small.runs();
    const days = 31 * 24 * 3_600_000;
    const database = new DatabaseSync(join(readState().dataDir, "capsuled.db"), { timeout: 5000 });
    try {
      const change = "update runs set created_at = created_at - ?, ended_at = ended_at - ? where id = ?";
      assert.equal(database.prepare(change).run(days, days, aged).changes, 1);
    } finally {
      database.close();
    }
    const within = { timeoutMs: 90_000, everyMs: 250 };
    await waitUntil(() => isGone(oldest, many.key), { what: "the end of the oldest run", ...within });
    await waitUntil(() => isGone(aged, old.key), { what: "the end of the run that is too old", ...within });
    const page = await expectCall("listRuns", 200, { key: many.key, query: { limit: "500" } });
    assert.equal(page.items.length, TEAM_RUNS_MAX, "no more go than have to");
    assert.equal((await getRun(young, old.key)).status, "succeeded");
    await expectError("getRunOutput", "not_found", { key: old.key, params: { id: aged } });
    await Promise.all([first.end(), second.end()]);
  });

  test("a terminal in which nothing happens is sent a ping every 30 s, and each of its viewers is", async () => {
    await using first = await openTerminal(capsule.id, { type: "start", cmd: "sleep", args: ["1000"] });
    const { tag } = await first.message("started");
    const began = performance.now();
    await using second = await openTerminal(capsule.id, { type: "connect", tag });
    assert.deepEqual(await Promise.all([first.message("ping", 60_000), second.message("ping", 60_000)]), [
      { type: "ping" },
      { type: "ping" },
    ]);
    assert.ok(performance.now() - began > 20_000, "and not much more often than it says");
    first.send({ type: "kill" });
    await second.message("exit");
  });

  test("a quiet command's stream begins at once and is kept alive by a comment every 15 s", async () => {
    await using one = await publish({ command: `sh -c 'until [ -e /root/enough ]; do sleep 0.05; done; echo end'`, capsule: capsule.id });
    await capsule.sh("rm -f /root/enough");
    const began = performance.now();
    await using stream = await one.stream();
    while (stream.comments.length === 0) {
      assert.ok(performance.now() - began < 40_000, "a keep-alive comment comes");
      await new Promise((done) => setTimeout(done, 100));
    }
    assert.ok(performance.now() - began > 10_000, "and not much more often than it says");
    assert.equal(stream.events.length, 0);
    await capsule.sh("touch /root/enough");
    await stream.over();
    assert.deepEqual(stream.lines(), ["end"]);
  });
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { Capsule } from "capsuled";
import { call, errorOf, expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { agentPid, hostTraces, newTraces } from "../harness/host.ts";
import { restart } from "../harness/restart.ts";
import { sdkOptions } from "../harness/sdk.ts";
import { startRefused } from "../harness/server-process.ts";
import { readState } from "../harness/state.ts";
import { attach, startStream } from "../harness/stream.ts";
import { openTerminal } from "../harness/terminal.ts";
import { newTeam } from "../harness/team.ts";
import { isAlive, waitUntil } from "../harness/wait.ts";
import { inotifyIn, watchBySocket, watchPath } from "../harness/watch.ts";

const TICK = "import time,sys\nn=0\nwhile True:\n n+=1;print(n,flush=True);time.sleep(0.02)";

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(
    `after ${signal} the capsules run on, and the next server adopts them with their processes, output and files`,
    { timeout: 60_000 },
    async () => {
      await using running: TestCapsule = await newCapsule({ envs: { KEPT: "value" } });
      await using paused: TestCapsule = await newCapsule();
      await running.sh("echo kept > /root/file");
      const ticking = await running.background({ cmd: "python3", args: ["-c", TICK], tag: "ticking" });
      const ended = await running.background({ cmd: "sh", args: ["-c", "echo last words; exit 6"], tag: "ended" });
      const asleep = await paused.background({ cmd: "sleep", args: ["1000"], tag: "asleep" });
      await paused.pause();
      const agents = [agentPid(running.id), agentPid(paused.id)];
      const tookMs = await restart(signal, async () => {
        assert.ok(agents.every(isAlive), "they live without a server");
      });
      assert.ok(tookMs < 60_000, `the next start took ${Math.round(tookMs)} ms`);
      assert.equal((await running.get()).status, "running");
      assert.equal((await paused.get()).status, "paused");
      assert.deepEqual([agentPid(running.id), agentPid(paused.id)], agents);
      assert.equal((await running.sh('cat /root/file; echo "$KEPT"')).stdout, "kept\nvalue\n");
      assert.ok((await running.processes()).some(({ id, tag, pid }) => id === ticking.id && tag === "ticking" && pid === ticking.pid));
      await using stream = await attach(running.id, ticking.id, "?from=start");
      await stream.printed((text) => text.includes("\n20\n"));
      const numbers = stream.text().split("\n").slice(0, -1).map(Number);
      assert.ok(
        numbers.every((n, i) => n === i + 1),
        "nothing of its output is lost or doubled over the restart",
      );
      await using late = await attach(running.id, ended.id, "?from=start");
      assert.equal((await late.message("exit")).exit_code, 6);
      assert.equal(late.text(), "last words\n");
      await paused.resume();
      assert.ok((await paused.processes()).some(({ id }) => id === asleep.id));
    },
  );
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`after ${signal} a terminal is there for whoever connects by its tag, with all that it showed`, { timeout: 60_000 }, async () => {
    await using capsule: TestCapsule = await newCapsule();
    await using before = await openTerminal(capsule.id, { type: "start", cmd: "sh", envs: { PS1: "% " }, cols: 90, rows: 20 });
    const { tag, pid } = await before.message("started");
    before.type("kept=value-$((40+2))\r");
    // What has been echoed is in the terminal: before that it may be with the server, and die with it.
    await before.shows("kept=value-$((40+2))\r\n% ");
    await restart(signal);
    assert.equal((await before.closed).code, signal === "SIGTERM" ? 1001 : 1006);
    await using after = await openTerminal(capsule.id, { type: "connect", tag });
    const started = await after.message("started");
    assert.deepEqual([started.pid, started.cols, started.rows], [pid, 90, 20]);
    await after.shows("kept=value-$((40+2))\r\n% ");
    after.type("echo $kept\r");
    await after.shows("value-42\r\n");
    after.type("exit\r");
    assert.equal((await after.message("exit")).exit_code, 0);
  });
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(
    `after ${signal} nothing watches in a capsule, and the SDK's watch goes on with word of what it missed`,
    { timeout: 60_000 },
    async () => {
      await using capsule: TestCapsule = await newCapsule();
      await using bySocket = await watchBySocket(watchPath(capsule.id, "/tmp"));
      await bySocket.message(({ type }) => type === "watching");
      const { files } = await Capsule.connect(capsule.id, sdkOptions({ retryForMs: 60_000 }));
      const changes = files.watch("/tmp");
      assert.equal((await changes.next()).value?.type, "watching");
      const next = changes.next();
      await restart(signal, async () => {
        await waitUntil(() => inotifyIn(capsule.id) === 0 || undefined, { what: "the watches to be freed" });
      });
      assert.equal((await bySocket.closed).code, signal === "SIGTERM" ? 1001 : 1006);
      assert.equal((await next).value?.type, "overflow");
      await capsule.sh("touch /tmp/after");
      const { value } = await changes.next();
      assert.ok(value?.type === "created" && value.path === "/tmp/after", JSON.stringify(value));
      await changes.return();
    },
  );
}

test("SIGTERM lets a request in flight end, and closes streams with 1001", { timeout: 60_000 }, async () => {
  await using capsule: TestCapsule = await newCapsule();
  const running = capsule.exec({ cmd: "sh", args: ["-c", "sleep 1; echo finished"] });
  await using stream = await startStream(capsule.id, { cmd: "sleep", args: ["1000"], tag: "streaming" });
  await stream.message("start");
  await restart("SIGTERM");
  assert.equal((await running).stdout, "finished\n");
  assert.equal((await stream.closed).code, 1001);
  assert.ok(
    (await capsule.processes()).some(({ tag }) => tag === "streaming"),
    "the stream's process lives on",
  );
});

test(
  "after SIGKILL in the middle of an exec its process ends by its own timeout or by server_lost, and nothing hangs",
  { timeout: 60_000 },
  async () => {
    await using capsule: TestCapsule = await newCapsule();
    const cut = capsule.exec({ cmd: "sleep", args: ["2222"], timeout: 6 }).then(
      () => "answered",
      () => "cut off",
    );
    await using stream = await startStream(capsule.id, { cmd: "sleep", args: ["1000"] });
    await stream.message("start");
    while (!(await capsule.processes()).some(({ args }) => args[0] === "2222")) await capsule.sh("true");
    await restart("SIGKILL");
    assert.equal(await cut, "cut off");
    await capsule.sh("for i in $(seq 100); do ps -eo args= | grep -q '^sleep 2222' || exit 0; sleep 0.1; done; exit 1");
    assert.ok(!(await capsule.processes()).some(({ args }) => args[0] === "2222"), "the agent kept the timeout");
  },
);

test("a server killed in the middle of creating capsules leaves none half made", { timeout: 60_000 }, async () => {
  const asked = Array.from({ length: 6 }, () =>
    expectCall("createCapsule", 201, { body: { metadata: { from: "cut" } } }).catch(() => null),
  );
  await new Promise((done) => setTimeout(done, 40));
  await restart("SIGKILL");
  await Promise.all(asked);
  const list = await expectCall("listCapsules", 200, { query: { "metadata.from": "cut" } });
  assert.ok(Array.isArray(list));
  for (const { id } of list) {
    let status = "";
    for (let tries = 0; tries < 200 && status !== "running" && status !== "error"; tries++) {
      ({ status } = await expectCall("getCapsule", 200, { params: { id } }));
      if (status !== "running" && status !== "error") await new Promise((done) => setTimeout(done, 50));
    }
    assert.ok(status === "running" || status === "error", `${id} is ${status}`);
    if (status === "running")
      assert.equal((await expectCall("exec", 200, { params: { id }, body: { cmd: "echo", args: ["up"] } })).stdout, "up\n");
    await expectCall("destroyCapsule", 204, { params: { id } });
  }
});

test(
  "a capsule whose agent dies without a server is found out at the next start: error, with its reason, and startable",
  { timeout: 60_000 },
  async () => {
    await using capsule: TestCapsule = await newCapsule();
    await capsule.sh("echo kept > /root/file");
    const agent = agentPid(capsule.id);
    await restart("SIGKILL", async () => process.kill(agent, "SIGKILL") && undefined);
    const lost = await capsule.get();
    assert.deepEqual([lost.status, lost.reason, lost.startable], ["error", "agent_lost", true]);
    await expectCall("startCapsule", 200, { params: { id: capsule.id }, body: { wait_ms: 30_000 } });
    assert.equal((await capsule.sh("cat /root/file")).stdout, "kept\n");
  },
);

test("a capsule whose agent dies under the server is noticed within seconds", { timeout: 60_000 }, async () => {
  await using capsule: TestCapsule = await newCapsule();
  process.kill(agentPid(capsule.id), "SIGKILL");
  let now = await capsule.get();
  for (let tries = 0; tries < 100 && now.status === "running"; tries++) {
    await new Promise((done) => setTimeout(done, 50));
    now = await capsule.get();
  }
  assert.deepEqual([now.status, now.reason], ["error", "agent_lost"]);
});

test("a full host and a full team are refused with a time to try again, and leave nothing behind", { timeout: 60_000 }, async () => {
  await restart("SIGTERM", async () => {}, { CAPSULED_CAPSULES_MAX: "2" });
  {
    await using first: TestCapsule = await newCapsule();
    await using second: TestCapsule = await newCapsule();
    const before = hostTraces(readState().dataDir);
    const full = await call("createCapsule", { body: { metadata: { full: "host" } } });
    assert.equal(full.status, 503);
    assert.equal(errorOf(full.body).code, "host_full");
    assert.ok(Number(full.headers.get("retry-after")) > 0);
    assert.deepEqual(await newTraces(readState().dataDir, before), [], "nothing is left behind");
    assert.deepEqual(await expectCall("listCapsules", 200, { query: { "metadata.full": "host" } }), []);
    assert.equal((await first.sh("echo well")).stdout, "well\n");
    await expectCall("destroyCapsule", 204, { params: { id: second.id } });
    await using third = await newCapsule();
    assert.equal((await third.get()).status, "running", "room that is free again is given");
  }
  await restart("SIGTERM", async () => {}, { CAPSULED_TEAM_CAPSULES_MAX: "1" });
  {
    const other = await newTeam();
    await using one: TestCapsule = await newCapsule();
    const full = await call("createCapsule", { body: {} });
    assert.equal(full.status, 429);
    assert.equal(errorOf(full.body).code, "quota_exceeded");
    await using others: TestCapsule = await newCapsule({}, other.key);
    assert.notEqual(others.id, one.id, "another team has room of its own");
  }
  await restart("SIGTERM");
});

test("a second server on one data directory is refused in one clear line, and the first goes on", { timeout: 60_000 }, async () => {
  const { dataDir, logFile } = readState();
  const { code, said } = await startRefused({ dataDir, port: 0, logFile });
  assert.ok(code !== null && code !== 0);
  assert.match(said, /data directory|in use|another server/i);
  assert.ok(!/\n\s+at /.test(said), `no stack trace: ${said}`);
  await using capsule = await newCapsule();
  assert.equal((await capsule.sh("echo well")).stdout, "well\n");
});

test("wrong settings are all named at once, with exit code 78 and no stack trace", { timeout: 60_000 }, async () => {
  const { dataDir, logFile } = readState();
  const { code, said } = await startRefused({
    dataDir,
    port: 0,
    logFile,
    env: { CAPSULED_PORT: "99999999", CAPSULED_CAPSULES_MAX: "many" },
  });
  assert.equal(code, 78, said);
  assert.match(said, /CAPSULED_PORT/);
  assert.match(said, /CAPSULED_CAPSULES_MAX/);
  assert.ok(!/\n\s+at /.test(said), said);
});

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(
    `after ${signal} a team's usage goes on from where it was, for capsules that run on, and no time counts twice`,
    { timeout: 120_000 },
    async () => {
      const { key } = await newTeam();
      const usageMs = async (): Promise<number> => {
        const { points } = await expectCall("getUsage", 200, { key, query: {} });
        return points.reduce((sum, { cpu_minutes }) => sum + cpu_minutes, 0) * 60_000;
      };
      const reached = async (ms: number): Promise<number> =>
        waitUntil(
          async () => {
            const now = await usageMs();
            return now >= ms ? now : undefined;
          },
          { what: "a count", timeoutMs: 40_000 },
        );
      const began = Date.now();
      await using capsule = await newCapsule({ vcpus: 1, memory_mb: 64 }, key);
      const running = Date.now();
      const before = await reached(1);
      let down = 0;
      await restart(signal, async () => void (down = Date.now()));
      const after = await reached(Math.max(before, down - running));
      assert.ok(after <= Date.now() - began + 20, `${after} ms are more than there were`);
      assert.equal((await capsule.get()).status, "running");
    },
  );
}

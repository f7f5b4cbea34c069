import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, test } from "node:test";
import { call, errorOf, expectCall, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { allEvents } from "../harness/events.ts";
import { agentPid, pidsInCapsule } from "../harness/host.ts";
import { followEvents } from "../harness/sse.ts";
import { readState } from "../harness/state.ts";
import { attach, startStream } from "../harness/stream.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

let capsule: TestCapsule;
let keyId: string;
before(async () => {
  capsule = await newCapsule({ memory_mb: 96 });
  const created = await allEvents(undefined, capsule.id);
  keyId = created[0]?.actor.id ?? "";
});
after(() => capsule[Symbol.asyncDispose]());

const facts = (selector: string, of: TestCapsule = capsule) =>
  expectCall("getProcess", 200, { ...(of.key !== undefined && { key: of.key }), params: { id: of.id, selector } });

/** The facts of a process that has ended, as soon as the store knows them too. */
async function endOf(selector: string, of: TestCapsule = capsule) {
  return waitUntil(
    async () => {
      const now = await facts(selector, of);
      return now.running ? undefined : now;
    },
    { what: `the end of ${selector}` },
  );
}

const SWALLOW = "b=bytearray()\nwhile True: b+=bytes(4<<20)";

test("an exit by itself is exited, a death by a signal of its own is signaled, each with its facts", async () => {
  const exited = await capsule.sh("exit 42");
  assert.deepEqual([exited.reason, exited.exit_code, exited.signal, exited.requested, exited.oom_kills], ["exited", 42, null, null, 0]);
  for (const [name, number] of [
    ["SEGV", 11],
    ["KILL", 9],
    ["TERM", 15],
  ] as const) {
    const died = await capsule.sh(`kill -${name} $$`);
    assert.deepEqual([died.reason, died.exit_code, died.signal, died.requested], ["signaled", 128 + number, `SIG${name}`, null]);
    assert.equal(died.evidence, null);
  }
});

test(
  "a kill for want of memory is told from any other SIGKILL by the kernel's own count, with limit, peak and counter",
  { timeout: 300_000 },
  async () => {
    const oom = await capsule.python(SWALLOW, { timeout: 30 });
    assert.deepEqual([oom.reason, oom.exit_code, oom.signal, oom.requested], ["oom_killed", 137, "SIGKILL", null]);
    assert.ok(oom.oom_kills >= 1 && oom.evidence !== null);
    assert.equal(oom.evidence.memory_limit_bytes, 96 << 20);
    assert.ok(
      oom.evidence.memory_peak_bytes > 64 << 20 && oom.evidence.memory_peak_bytes <= 96 << 20,
      String(oom.evidence.memory_peak_bytes),
    );
    assert.ok(oom.evidence.oom_kills >= 1);
    const self = await capsule.sh("kill -9 $$");
    assert.deepEqual(
      [self.reason, self.signal, self.oom_kills, self.evidence],
      ["signaled", "SIGKILL", 0, null],
      "the counter has moved before, not during it",
    );
    const child = await capsule.sh('python3 -c "b=bytearray(200<<20)"; exit 4', { timeout: 30 });
    assert.deepEqual([child.reason, child.exit_code], ["exited", 4], "the leader exited by itself");
    assert.ok(child.oom_kills >= 1, "and its child's end is counted");
    const { id } = await capsule.background({ cmd: "python3", args: ["-c", SWALLOW], tag: "swallows" });
    const end = await endOf(id);
    assert.equal(end.reason, "oom_killed");
    const event = await waitUntil(
      async () => (await allEvents(undefined, capsule.id)).find((one) => one.type === "process.ended" && one.process_id === id),
      { what: "its event" },
    );
    assert.ok(event.type === "process.ended" && event.data.reason === "oom_killed" && (event.data.evidence?.oom_kills ?? 0) >= 1);
  },
);

test("a timeout is timed_out, with the partial output; the agent keeps it", async () => {
  const answer = await call("exec", {
    params: { id: capsule.id },
    body: { cmd: "sh", args: ["-c", "echo part; exec sleep 100"], timeout: 1 },
  });
  assert.equal(answer.status, 504);
  const { code, details } = errorOf(answer.body);
  assert.equal(code, "timeout");
  assert.deepEqual(
    ["reason", "signal", "stdout", "exit_code"].map((name) => property(details, name)),
    ["timed_out", "SIGKILL", "part\n", 137],
  );
  assert.deepEqual(property(details, "requested"), { by: "timeout", signal: "SIGKILL" });
});

for (const signal of ["SIGKILL", "SIGTERM"] as const) {
  test(`an end that a caller asked for by ${signal} is killed, and names the key that asked`, async () => {
    const { id } = await capsule.background({ cmd: "sleep", args: ["100"] });
    await expectCall("killProcess", 204, { params: { id: capsule.id, selector: id }, query: { signal } });
    const end = await endOf(id);
    assert.deepEqual([end.reason, end.signal, end.requested], ["killed", signal, { by: keyId, signal }]);
    const events = await waitUntil(
      async () => {
        const found = (await allEvents(undefined, capsule.id)).filter(({ process_id }) => process_id === id);
        return found.length === 2 ? found : undefined;
      },
      { what: "its events" },
    );
    assert.deepEqual(
      events.map(({ type, actor }) => [type, actor.id]),
      [
        ["process.started", keyId],
        ["process.ended", keyId],
      ],
    );
  });
}

test("stop over a socket is stopped; a client that goes is client_gone, from exec and from a stream that says so", async () => {
  await using stream = await startStream(capsule.id, { cmd: "sleep", args: ["100"] });
  await stream.message("start");
  stream.send({ type: "stop" });
  const stopped = await stream.message("exit");
  assert.deepEqual([stopped.reason, stopped.signal, stopped.requested], ["stopped", "SIGTERM", { by: "client", signal: "SIGTERM" }]);
  const leaving = await startStream(capsule.id, { cmd: "sleep", args: ["100"], on_disconnect: "kill" });
  const { id } = await leaving.message("start");
  leaving.socket.terminate();
  assert.equal((await endOf(id)).reason, "client_gone");
  const abort = new AbortController();
  const cut = call("exec", { params: { id: capsule.id }, body: { cmd: "sleep", args: ["972"], tag: "gone" }, signal: abort.signal }).catch(
    () => null,
  );
  await waitUntil(async () => (await capsule.processes()).find(({ tag }) => tag === "gone"), { what: "its start" });
  abort.abort();
  await cut;
  const end = await endOf("gone");
  assert.deepEqual([end.reason, end.signal, end.requested?.by], ["client_gone", "SIGKILL", "client"]);
});

test("what cannot start is spawn_failed, with 127 or 126", async () => {
  const missing = await capsule.exec({ cmd: "no-such-program" });
  assert.deepEqual([missing.reason, missing.exit_code], ["spawn_failed", 127]);
  const closed = await capsule.exec({ cmd: "/etc/passwd" });
  assert.deepEqual([closed.reason, closed.exit_code], ["spawn_failed", 126]);
});

test(
  "processes that a stop ends are capsule_stopped, those that a destruction ends capsule_destroyed, and who asked is told",
  { timeout: 300_000 },
  async () => {
    for (const [end, reason] of [
      ["stopCapsule", "capsule_stopped"],
      ["destroyCapsule", "capsule_destroyed"],
    ] as const) {
      const mine = await newCapsule({ memory_mb: 64 });
      const background = await mine.background({ cmd: "sleep", args: ["1000"] });
      await using stream = await startStream(mine.id, { cmd: "sh", args: ["-c", "echo up; exec sleep 1000"] });
      await stream.printed((text) => text === "up\n");
      const foreground = call("exec", { params: { id: mine.id }, body: { cmd: "sleep", args: ["1000"], timeout: 0, tag: "foreground" } });
      await waitUntil(async () => (await mine.processes()).find(({ tag }) => tag === "foreground"), { what: "all of them" });
      await call(end, { params: { id: mine.id } });
      assert.equal((await stream.message("exit")).reason, reason);
      const answer = await foreground;
      assert.ok(
        answer.status === 200 ? property(answer.body, "reason") === reason : errorOf(answer.body).code === "invalid_state",
        JSON.stringify(answer.body),
      );
      const { id } = await stream.message("start");
      for (const selector of [background.id, id, "foreground"]) {
        const { reason: told, requested, running } = await facts(selector, mine);
        assert.deepEqual([told, requested?.by, running], [reason, keyId, false], selector);
      }
      const now = await mine.get();
      assert.deepEqual(
        [now.status, now.reason, now.startable],
        ["stopped", end === "stopCapsule" ? "stopped" : "destroyed", end === "stopCapsule"],
      );
      assert.ok(now.ended_at !== null);
      if (end === "stopCapsule") await mine[Symbol.asyncDispose]();
    }
  },
);

test(
  "an agent that dies makes its capsule an error within a second, and its processes' ends are written",
  { timeout: 300_000 },
  async () => {
    const { key } = await newTeam();
    await using mine = await newCapsule({ memory_mb: 64 }, key);
    await mine.sh("echo kept > /root/file");
    const { id } = await mine.background({ cmd: "sh", args: ["-c", "echo printed; exec sleep 1000"], tag: "job" });
    await using stream = await attach(mine.id, id, "?from=start", { key });
    await stream.printed((text) => text === "printed\n");
    const foreground = call("exec", { key, params: { id: mine.id }, body: { cmd: "sleep", args: ["1000"], timeout: 0 } });
    await waitUntil(async () => ((await mine.processes()).length === 2 ? true : undefined), { what: "both processes" });
    await using events = await followEvents("", { key });
    process.kill(agentPid(mine.id), "SIGKILL");
    const killedAt = Date.now();
    const told = await events.event(({ type }) => type === "capsule.error");
    assert.ok(Date.parse(told.time) - killedAt < 1000, `told ${Date.parse(told.time) - killedAt} ms later`);
    const now = await mine.get();
    assert.deepEqual([now.status, now.reason, now.startable], ["error", "agent_lost", true]);
    assert.equal((await foreground).status >= 400, true, "a command in flight is answered");
    assert.ok([4001, 1011].includes((await stream.closed).code));
    const end = await facts(id, mine);
    assert.deepEqual([end.reason, end.exit_code, end.stdout_sha256, end.running], ["agent_lost", null, null, false]);
    await waitUntil(() => (pidsInCapsule(mine.id).length === 0 ? true : undefined), { what: "its processes to be gone" });
    await expectCall("startCapsule", 200, { key, params: { id: mine.id }, body: { wait_ms: 30_000 } });
    assert.equal((await mine.sh("cat /root/file")).stdout, "kept\n");
    await using again = await attach(mine.id, id, "?from=start", { key });
    const exit = await again.message("exit");
    assert.deepEqual([again.text(), exit.reason], ["printed\n", "agent_lost"], "what was shown is still there");
  },
);

test(
  "a boot that the destruction of its capsule cuts short ends it for good, and is no error in the server's log",
  { timeout: 300_000 },
  async () => {
    const ids: string[] = [];
    for (let round = 0; round < 6; round += 1) {
      const { id } = await expectCall("createCapsule", 201, { body: { memory_mb: 64, wait_ms: round * 10 } });
      ids.push(id);
      await expectCall("destroyCapsule", 204, { params: { id } });
      const now = await expectCall("getCapsule", 200, { params: { id } });
      assert.deepEqual([now.status, now.reason], ["stopped", "destroyed"]);
    }
    const log = readFileSync(readState().logFile, "utf8").split("\n");
    const told = log.filter((line) => ids.some((id) => line.includes(id)));
    assert.deepEqual(
      told.filter((line) => /"level":"(error|fatal|warn)"/.test(line)),
      [],
    );
  },
);

test("the process that forks for the agent can die: commands that run go on, and the next ones start", { timeout: 300_000 }, async () => {
  await using mine = await newCapsule({ memory_mb: 64 });
  const { id } = await mine.background({ cmd: "sh", args: ["-c", "while [ ! -e /root/go ]; do sleep 0.02; done; exit 6"] });
  const agent = agentPid(mine.id);
  /** Children of the agent that wait to fork or to be a process; one that has just ended is none. */
  const isInit = (pid: number): boolean => {
    try {
      const status = readFileSync(`/proc/${pid}/status`, "utf8");
      return pid !== agent && new RegExp(`^PPid:\\s+${agent}$`, "m").test(status) && /^Name:\s+\S*init/m.test(status);
    } catch {
      return false;
    }
  };
  const inits = pidsInCapsule(mine.id).filter(isInit);
  assert.ok(inits.length > 0);
  for (const pid of inits) if (isInit(pid)) process.kill(pid, "SIGKILL");
  for (let n = 0; n < 10; n += 1) assert.equal((await mine.sh(`echo ${n}; touch /root/go`)).stdout, `${n}\n`);
  assert.deepEqual([(await endOf(id, mine)).exit_code, (await mine.get()).status, agentPid(mine.id)], [6, "running", agent]);
});

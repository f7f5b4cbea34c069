import assert from "node:assert/strict";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync, readdirSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { call, expectCall, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { allEvents, lifeOf } from "../harness/events.ts";
import { agentPid, hostTraces, pidsInCapsule } from "../harness/host.ts";
import { restart } from "../harness/restart.ts";
import { followEvents } from "../harness/sse.ts";
import { readState } from "../harness/state.ts";
import { attach, startStream } from "../harness/stream.ts";
import { newTeam } from "../harness/team.ts";
import { isAlive, waitUntil } from "../harness/wait.ts";

const sha256 = (text: string | Uint8Array): string => createHash("sha256").update(text).digest("hex");
const facts = (of: TestCapsule, selector: string) =>
  expectCall("getProcess", 200, { ...(of.key !== undefined && { key: of.key }), params: { id: of.id, selector } });
const named = (key: string, body: unknown) => ({ headers: { "idempotency-key": key }, body });

test(
  "a stream that SIGKILL of the server cuts again and again is resumed by number, and misses and repeats nothing",
  { timeout: 300_000 },
  async () => {
    await using capsule: TestCapsule = await newCapsule({ memory_mb: 128 });
    const program = "import time\nfor n in range(30000):\n print(n, 'é😀漢', flush=n%50==0)\n if n%50==0: time.sleep(0.008)";
    let stream = await startStream(capsule.id, { cmd: "python3", args: ["-c", program] });
    const { id } = await stream.message("start");
    let text = "";
    let next = 1;
    for (let deaths = 0; ; deaths += 1) {
      const isOver = await Promise.race([
        stream.message("exit").then(() => true),
        deaths < 3 ? stream.printed((printed) => printed.length > 20_000).then(() => false) : stream.closed.then(() => true),
      ]);
      if (!isOver) await restart("SIGKILL");
      await stream.closed;
      text += stream.text();
      for (const message of stream.messages) if ("seq" in message && message.type !== "exit") next = Math.max(next, message.seq + 1);
      if (isOver) break;
      stream = await attach(capsule.id, id, `?from=${next}`);
    }
    const exit = stream.messages.at(-1);
    assert.ok(exit?.type === "exit", JSON.stringify(exit));
    assert.equal(text, Array.from({ length: 30_000 }, (_, n) => `${n} é😀漢\n`).join(""));
    assert.deepEqual([exit.exit_code, exit.stdout_sha256], [0, sha256(text)]);
  },
);

test("requests with a key that SIGKILL cut off are done once: their repeats continue them", { timeout: 300_000 }, async () => {
  const team = await newTeam();
  await using capsule: TestCapsule = await newCapsule({ memory_mb: 128 }, team.key);
  const at = { key: team.key, params: { id: capsule.id } };
  for (const [round, delayMs] of [5, 120].entries()) {
    const keys = Array.from({ length: 4 }, () => randomUUID());
    const create = (key: string) =>
      call("createCapsule", {
        key: team.key,
        ...named(key, { memory_mb: 64, disk_mb: 64, metadata: { round: String(round) }, wait_ms: 30_000 }),
      });
    const run = (key: string) =>
      call("exec", {
        ...at,
        ...named(`run-${key}`, { cmd: "sh", args: ["-c", `echo x >> /root/${key}; sleep 0.3; echo ${key}`], timeout: 60 }),
      });
    const begin = (key: string) =>
      call("exec", { ...at, ...named(`bg-${key}`, { cmd: "sh", args: ["-c", `echo x >> /root/bg-${key}`], background: true }) });
    const ask = (key: string) => [create(key), run(key), begin(key)];
    const cut = Promise.allSettled(keys.flatMap(ask));
    await sleep(delayMs);
    await restart("SIGKILL");
    await cut;
    const answers = await Promise.all(keys.flatMap(ask));
    assert.deepEqual(
      answers.map(({ status }) => status),
      keys.flatMap(() => [201, 200, 202]),
      JSON.stringify(answers.map(({ body }) => body)),
    );
    for (const [n, key] of keys.entries()) {
      assert.equal(property(answers[3 * n + 1]?.body, "stdout"), `${key}\n`);
      await waitUntil(async () => ((await capsule.sh(`cat /root/bg-${key} 2>&1; true`)).stdout === "x\n" ? true : undefined), {
        what: "the background command",
      });
      assert.equal((await capsule.sh(`cat /root/${key}`)).stdout, "x\n", "it ran once");
    }
    const made = await expectCall("listCapsules", 200, { key: team.key, query: { "metadata.round": String(round) } });
    assert.ok(Array.isArray(made));
    assert.deepEqual(
      made.map(({ id }) => id).sort(),
      keys.map((_, n) => String(property(answers[3 * n]?.body, "id"))).sort(),
      "one capsule a key",
    );
    for (const { id } of made) await expectCall("destroyCapsule", 204, { key: team.key, params: { id } });
  }
  for (const type of ["process.started", "process.ended"]) {
    const ids = (await allEvents(team.key, capsule.id)).filter((event) => event.type === type).map(({ process_id }) => process_id);
    assert.equal(new Set(ids).size, ids.length, `${type} is told once`);
  }
});

test(
  "changes that SIGKILL cut off in the middle are finished or undone: no state without an exit, nothing half destroyed",
  { timeout: 300_000 },
  async () => {
    const { dataDir } = readState();
    for (const delayMs of [0, 15]) {
      const capsules = await Promise.all(Array.from({ length: 5 }, () => newCapsule({ memory_mb: 64, disk_mb: 64 })));
      const [pausing, resuming, stopping, starting, destroying] = capsules;
      assert.ok(pausing && resuming && stopping && starting && destroying);
      await resuming.pause();
      await expectCall("stopCapsule", 200, { params: { id: starting.id } });
      const under = Promise.allSettled([
        call("pauseCapsule", { params: { id: pausing.id } }),
        call("resumeCapsule", { params: { id: resuming.id }, body: {} }),
        call("stopCapsule", { params: { id: stopping.id } }),
        call("startCapsule", { params: { id: starting.id }, body: {} }),
        call("destroyCapsule", { params: { id: destroying.id } }),
      ]);
      await sleep(delayMs);
      await restart("SIGKILL");
      await under;
      const reaches: readonly (readonly [TestCapsule, readonly string[]])[] = [
        [pausing, ["running", "paused"]],
        [resuming, ["running", "paused"]],
        [stopping, ["running", "stopped"]],
        [starting, ["running", "stopped"]],
      ];
      for (const [capsule, states] of reaches) {
        const settled = await waitUntil(
          async () => {
            const now = await capsule.get();
            return states.includes(now.status) ? now : undefined;
          },
          { what: `${states.join(" or ")} after ${delayMs} ms` },
        );
        if (settled.status === "paused") await capsule.resume();
        if (settled.status === "stopped") await expectCall("startCapsule", 200, { params: { id: capsule.id }, body: { wait_ms: 30_000 } });
        assert.equal((await capsule.sh("echo well")).stdout, "well\n");
      }
      await Promise.all(capsules.map((capsule) => capsule[Symbol.asyncDispose]()));
      const ids = capsules.map(({ id }) => id);
      const left = Object.values(hostTraces(dataDir))
        .flat()
        .filter((trace: string) => ids.some((id) => trace.includes(id)));
      assert.deepEqual(left, []);
    }
  },
);

test(
  "what ends while no server runs is told once when one does, and a follower of events misses and repeats none",
  { timeout: 300_000 },
  async () => {
    const team = await newTeam();
    await using capsule: TestCapsule = await newCapsule({ memory_mb: 64 }, team.key);
    const before = await followEvents("?from=start", { key: team.key });
    const script = "while [ ! -e /root/go ]; do sleep 0.05; done; echo late; exit 8";
    const { id } = await capsule.background({ cmd: "sh", args: ["-c", script], tag: "late" });
    await before.event(({ type }) => type === "process.started");
    await restart("SIGKILL", async () => {
      const pids = pidsInCapsule(capsule.id).filter((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("echo late"));
      assert.equal(pids.length, 1);
      // From the host: nobody else can while no server runs.
      writeFileSync(`/proc/${agentPid(capsule.id)}/root/root/go`, "");
      await waitUntil(() => (pids.some(isAlive) ? undefined : true), { what: "its end" });
    });
    await before.over();
    await using after = await followEvents("", { key: team.key, headers: { "last-event-id": before.lastId ?? "" } });
    const ended = await after.event(({ type }) => type === "process.ended");
    assert.ok(ended.type === "process.ended");
    assert.deepEqual([ended.process_id, ended.data.exit_code, ended.data.stdout_sha256], [id, 8, sha256("late\n")]);
    const all = await allEvents(team.key);
    assert.deepEqual(
      [...before.events, ...after.events].map((event) => event.id),
      all.map((event) => event.id),
    );
  },
);

test("a restart changes no clock: the last activity is as it was, and paused capsules stay paused", { timeout: 300_000 }, async () => {
  await using active: TestCapsule = await newCapsule({ memory_mb: 64, timeout_sec: 600 });
  await using paused: TestCapsule = await newCapsule({ memory_mb: 64, timeout_sec: 600 });
  await paused.pause();
  await active.sh("true");
  const had = Date.parse((await active.get()).last_active_at ?? "");
  await sleep(1500);
  await restart("SIGKILL");
  const has = Date.parse((await active.get()).last_active_at ?? "");
  assert.ok(Math.abs(has - had) < 1000, `moved by ${has - had} ms over the restart`);
  const now = await paused.get();
  assert.deepEqual([now.status, now.timeout_sec], ["paused", 600]);
});

test(
  "at the end of a drain a command in flight is cut from its client and left to its own end, and no client is blamed",
  { timeout: 300_000 },
  async () => {
    await restart("SIGTERM", () => {}, { CAPSULED_SHUTDOWN_MS: "300" });
    await using capsule: TestCapsule = await newCapsule({ memory_mb: 64 });
    const script = "while [ ! -e /root/go ]; do sleep 0.05; done; echo finished; exit 9";
    const cut = capsule.exec({ cmd: "sh", args: ["-c", script], timeout: 60, tag: "cut" }).catch(() => "cut off");
    await waitUntil(async () => (await capsule.processes()).find(({ tag }) => tag === "cut"), { what: "its start" });
    await restart("SIGTERM");
    assert.equal(await cut, "cut off");
    await capsule.sh("touch /root/go");
    const end = await waitUntil(
      async () => {
        const now = await facts(capsule, "cut");
        return now.running ? undefined : now;
      },
      { what: "its end" },
    );
    assert.deepEqual([end.reason, end.exit_code, end.requested, end.stdout_sha256], ["exited", 9, null, sha256("finished\n")]);
  },
);

/** Makes the rows of capsules say that they were launched in another boot of the host. To be called while no server runs. */
function pretendReboot(ids: readonly string[]): void {
  const database = new DatabaseSync(join(readState().dataDir, "capsuled.db"), { timeout: 5000 });
  const change = database.prepare("update capsules set handle_json = json_set(handle_json, '$.data.boot', ?) where id = ?");
  for (const id of ids) assert.equal(change.run(randomUUID(), id).changes, 1);
  database.close();
}

test(
  "after a reboot of the host its capsules are stopped with that reason, their ends too, and start again with their files",
  { timeout: 300_000 },
  async () => {
    const team = await newTeam();
    await using running: TestCapsule = await newCapsule({ memory_mb: 64 }, team.key);
    await using paused: TestCapsule = await newCapsule({ memory_mb: 64 }, team.key);
    await running.sh("echo kept > /root/file");
    const { id } = await running.background({ cmd: "sh", args: ["-c", "echo printed; exec sleep 1000"], tag: "job" });
    {
      await using stream = await attach(running.id, id, "?from=start", { key: team.key });
      await stream.printed((text) => text === "printed\n");
    }
    await paused.pause();
    const ids = [running.id, paused.id];
    await restart("SIGKILL", async () => {
      for (const pid of ids.map(agentPid)) process.kill(pid, "SIGKILL");
      await waitUntil(() => (ids.flatMap(pidsInCapsule).length === 0 ? true : undefined), { what: "an empty host" });
      pretendReboot(ids);
    });
    for (const capsule of [running, paused]) {
      const now = await capsule.get();
      assert.deepEqual([now.status, now.reason, now.startable], ["stopped", "host_restarted", true]);
    }
    assert.deepEqual([(await facts(running, id)).reason, (await facts(running, id)).exit_code], ["host_restarted", null]);
    const ended = (await allEvents(team.key, running.id)).slice(-2);
    assert.deepEqual(lifeOf(ended).toSorted(), ["capsule.stopped host_restarted", "process.ended host_restarted"]);
    assert.ok(ended.every(({ actor }) => actor.id === "recover"));
    await expectCall("startCapsule", 200, { key: team.key, params: { id: running.id }, body: { wait_ms: 30_000 } });
    assert.equal((await running.sh("cat /root/file")).stdout, "kept\n");
    await using again = await attach(running.id, id, "?from=start", { key: team.key });
    const exit = await again.message("exit");
    assert.deepEqual([again.text(), exit.reason], ["printed\n", "host_restarted"]);
  },
);

test(
  "journal files that are damaged or cut: what can be read is right and in its place, and the loss is stated in bytes",
  { timeout: 300_000 },
  async () => {
    await using capsule: TestCapsule = await newCapsule({ memory_mb: 64 });
    const whole = Buffer.from(Array.from({ length: 200_000 }, (_, n) => `${n + 1}\n`).join(""));
    const damages: Readonly<Record<string, (file: string) => void>> = {
      whole: () => {},
      flipped: (file) => {
        const bytes = readFileSync(file);
        for (let n = 0; n < 100; n += 1) bytes[Math.floor(bytes.length / 2) + n] = (bytes[Math.floor(bytes.length / 2) + n] ?? 0) ^ 0xff;
        writeFileSync(file, bytes);
      },
      cut: (file) => truncateSync(file, Math.floor(readFileSync(file).length / 2)),
      headless: (file) => writeFileSync(file, Buffer.concat([Buffer.alloc(200, 0xaa), readFileSync(file).subarray(200)])),
      garbage: (file) => writeFileSync(file, Buffer.alloc(100_000, "garbage ")),
      empty: (file) => writeFileSync(file, ""),
    };
    const ids: Record<string, string> = {};
    for (const name of Object.keys(damages)) {
      const { id } = await capsule.background({ cmd: "seq", args: ["1", "200000"], tag: name });
      ids[name] = id;
      await waitUntil(async () => ((await facts(capsule, id)).running ? undefined : true), { what: "its end" });
    }
    await expectCall("stopCapsule", 200, { params: { id: capsule.id } });
    const control = join(readState().dataDir, "capsules", capsule.id, "ctl");
    for (const [name, damage] of Object.entries(damages)) {
      const files = readdirSync(join(control, "j")).filter((file) => file.startsWith(ids[name] ?? "?"));
      assert.ok(files.length > 0);
      damage(join(control, "j", files.toSorted()[0] ?? ""));
    }
    writeFileSync(
      join(control, "processes.log"),
      Buffer.concat([readFileSync(join(control, "processes.log")), Buffer.from('{"n":99,"kin\0\xff')]),
    );
    await expectCall("startCapsule", 200, { params: { id: capsule.id }, body: { wait_ms: 30_000 } });
    for (const name of Object.keys(damages)) {
      await using stream = await attach(capsule.id, ids[name] ?? "", "?from=start&encoding=base64");
      const exit = await stream.message("exit");
      assert.deepEqual(
        [exit.exit_code, exit.stdout_bytes, exit.stdout_sha256],
        [0, whole.length, sha256(whole)],
        `${name}: the end is known`,
      );
      let offset = 0;
      let gone = 0;
      for (const message of stream.messages) {
        if (message.type === "gap") {
          offset += message.stdout_bytes;
          gone += message.stdout_bytes;
        }
        if (message.type !== "stdout") continue;
        const bytes = Buffer.from(message.data, "base64");
        assert.deepEqual(bytes, whole.subarray(offset, offset + bytes.length), `${name}: the bytes at ${offset}`);
        offset += bytes.length;
      }
      assert.equal(offset, whole.length, `${name}: what is there and what is gone is all there was`);
      assert.equal(gone > 0, name !== "whole" && name !== "headless", `${name}: ${gone} bytes are gone`);
    }
    assert.equal((await capsule.sh("echo well")).stdout, "well\n");
  },
);

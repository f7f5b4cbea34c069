import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { CLOSE_CODES } from "@capsuled/contract";
import { expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { ExecStarted, TestCapsule } from "../harness/capsule.ts";
import { attach, refusedUpgrade } from "../harness/stream.ts";
import { waitUntil } from "../harness/wait.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const at = (selector: string): { readonly params: { readonly id: string; readonly selector: string } } => ({
  params: { id: capsule.id, selector },
});

async function ended(marker: string): Promise<true> {
  return waitUntil(async () => ((await capsule.processes()).some(({ args }) => args.includes(marker)) ? undefined : true), {
    what: `the end of ${marker}`,
    timeoutMs: 30_000,
  });
}

/** A process whose tree has four members, one in a session of its own, one without environment and parent. */
async function tree(marker: string, body: Readonly<Record<string, unknown>> = {}): Promise<ExecStarted> {
  const script = `sleep ${marker} & setsid sleep ${marker} & env -i setsid sh -c 'sleep ${marker} & exit' & sleep ${marker}`;
  const started = await capsule.background({ cmd: "sh", args: ["-c", script], ...body });
  await waitUntil(async () => ((await capsule.processes()).filter(({ args }) => args[0] === marker).length === 4 ? true : undefined), {
    what: "the tree",
  });
  return started;
}

test("the list shows every process but the agent's: those of the API with tag, cmd and args, others with an empty tag and their parent", async () => {
  const started = await capsule.background({ cmd: "sh", args: ["-c", "sleep 611; true"], tag: "listed" });
  const list = await waitUntil(
    async () => {
      const all = await capsule.processes();
      return all.some(({ args }) => args[0] === "611") ? all : undefined;
    },
    { what: "the child" },
  );
  assert.equal(list.length, 2, JSON.stringify(list));
  const own = list.find(({ pid }) => pid === started.pid);
  assert.deepEqual([own?.tag, own?.cmd, own?.args, own?.id], ["listed", "sh", ["-c", "sleep 611; true"], started.id]);
  const child = list.find(({ pid }) => pid !== started.pid);
  assert.deepEqual([child?.tag, child?.args, child?.id, child?.ppid], ["", ["611"], null, started.pid]);
  assert.ok(Math.abs(Date.now() - Date.parse(own?.started_at ?? "")) < 60_000);
  await expectCall("killProcess", 204, at("listed"));
  await ended("611");
});

for (const by of ["pid", "tag", "id"] as const) {
  test(`a kill by ${by} ends the whole tree, sessions and orphans included`, async () => {
    const marker = { pid: "621", tag: "622", id: "623" }[by];
    const started = await tree(marker);
    await expectCall("killProcess", 204, at(String(started[by])));
    await ended(marker);
    await expectError("killProcess", "not_found", at(started.id));
  });
}

test("a start works after any number of kills: nothing of a killed tree's cgroup is left to the next", { timeout: 300_000 }, async () => {
  for (let round = 0; round < 40; round++) {
    const started = await capsule.background({ cmd: "sleep", args: ["681"] });
    await expectCall("killProcess", 204, at(started.id));
  }
  assert.equal((await capsule.sh("echo well")).stdout, "well\n");
  await ended("681");
});

test("SIGTERM lets the tree end by itself, and reaches all of it", async () => {
  const started = await tree("631");
  await using stream = await attach(capsule.id, started.id);
  await expectCall("killProcess", 204, { ...at(started.tag), query: { signal: "SIGTERM" } });
  const exit = await stream.message("exit");
  assert.deepEqual([exit.signal, exit.exit_code, exit.reason], ["SIGTERM", 143, "killed"]);
  assert.equal(exit.requested?.signal, "SIGTERM");
  await ended("631");
});

test("a process that exits 0 on our SIGTERM has exited, with the request as evidence", async () => {
  const started = await capsule.background({ cmd: "sh", args: ["-c", "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"] });
  await using stream = await attach(capsule.id, started.id, "?from=start");
  await stream.printed((text) => text === "up\n");
  await expectCall("killProcess", 204, { ...at(started.id), query: { signal: "SIGTERM" } });
  const exit = await stream.message("exit");
  assert.deepEqual([exit.exit_code, exit.signal, exit.reason, exit.requested?.signal], [0, null, "exited", "SIGTERM"]);
});

test("a process that the API did not start can be killed by its pid, with its descendants", async () => {
  await capsule.sh("setsid sh -c 'sleep 641; true' >/dev/null 2>&1 &");
  const stray = await waitUntil(
    async () => (await capsule.processes()).find(({ cmd, args }) => cmd.endsWith("sh") && args.join(" ").includes("641")),
    { what: "it" },
  );
  await expectCall("killProcess", 204, at(String(stray.pid)));
  await ended("641");
});

test("any other signal is a 400, and an unknown or ended process a 404", async () => {
  const started = await capsule.background({ cmd: "sleep", args: ["651"] });
  for (const signal of ["SIGINT", "9", "sigkill", "", "TERM"])
    await expectError("killProcess", "invalid_request", { ...at(started.id), query: { signal } });
  for (const selector of [
    "999999",
    "bg-00000000",
    "pr-0000000000000000000000000",
    "-1",
    "0",
    "1e3",
    "..",
    "%2e%2e",
    "a".repeat(200),
    "é",
  ]) {
    await expectError("killProcess", "not_found", at(selector));
  }
  await expectError("killProcess", "not_found", at("1"));
  assert.ok(
    (await capsule.processes()).some(({ pid }) => pid === started.pid),
    "it was not touched",
  );
  await expectCall("killProcess", 204, at(started.id));
});

test("attaching gives the output from the connection onwards, and the exit when it ends", async () => {
  const started = await capsule.background({
    cmd: "sh",
    args: ["-c", "echo early; while [ ! -e /tmp/go ]; do sleep 0.02; done; echo late; exit 5"],
  });
  await waitUntil(async () => ((await attachedText(started.id)).includes("early") ? true : undefined), { what: "early" });
  await using stream = await attach(capsule.id, started.tag);
  const start = await stream.message("start");
  assert.deepEqual([start.pid, start.tag, start.id], [started.pid, started.tag, started.id]);
  await capsule.sh("touch /tmp/go");
  assert.equal((await stream.message("exit")).exit_code, 5);
  assert.equal((await stream.closed).code, CLOSE_CODES.done);
  assert.equal(stream.text(), "late\n");
  await capsule.sh("rm /tmp/go");
});

async function attachedText(selector: string): Promise<string> {
  await using stream = await attach(capsule.id, selector, "?from=start");
  await stream.printed((text) => text !== "");
  return stream.text();
}

test("an ended process still gives all its output and its exit, from any record on", async () => {
  const started = await capsule.background({
    cmd: "sh",
    args: ["-c", "for i in 1 2 3 4 5; do echo $i; sleep 0.2; done; exit 9"],
    tag: "kept",
  });
  await waitUntil(async () => ((await capsule.processes()).some(({ id }) => id === started.id) ? undefined : true), { what: "its end" });
  await using whole = await attach(capsule.id, "kept", "?from=start");
  const exit = await whole.message("exit");
  assert.deepEqual([exit.exit_code, whole.text()], [9, "1\n2\n3\n4\n5\n"]);
  const last = exit.seq - 1;
  await using rest = await attach(capsule.id, started.id, `?from=${last}`);
  await rest.message("exit");
  const [first] = rest.messages.filter((message) => message.type === "stdout");
  assert.equal(first?.first_seq ?? first?.seq, last, "that record comes first");
  assert.ok(rest.text() !== "" && rest.text() !== whole.text() && whole.text().endsWith(rest.text()));
  await expectError("killProcess", "not_found", at("kept"));
  const beyond = await refusedUpgrade(`/v1/capsules/${capsule.id}/processes/kept/stream?from=${exit.seq + 10}`);
  assert.equal(beyond.status, 400);
  assert.match(beyond.body, /"invalid_offset"/);
});

test("text is the same through any resume, wherever the stream is cut", async () => {
  const program =
    "import sys\nfor x in 'aé😀漢'.encode()*8:\n sys.stdout.buffer.write(bytes([x]));sys.stdout.flush()\n import time;time.sleep(0.002)\n";
  const started = await capsule.background({ cmd: "python3", args: ["-c", program] });
  await using whole = await attach(capsule.id, started.id, "?from=start");
  const exit = await whole.message("exit");
  assert.equal(whole.text(), "aé😀漢".repeat(8));
  const told = whole.messages.filter((message) => message.type === "stdout");
  let last = whole.text();
  for (let from = 1; from < exit.seq; from += 1) {
    await using rest = await attach(capsule.id, started.id, `?from=${from}`);
    await rest.message("exit");
    assert.ok(last.endsWith(rest.text()), `from ${from}`);
    last = rest.text();
    // Records that the first reader got as one message cannot be told apart by it.
    if (told.some(({ seq, first_seq }) => (first_seq ?? seq) < from && seq >= from)) continue;
    const before = told.filter(({ seq }) => seq < from).map(({ data }) => data);
    assert.equal(before.join("") + last, whole.text(), `from ${from}`);
  }
});

test("any number of readers get the same bytes, and a stalled one slows neither them nor the process", { timeout: 300_000 }, async () => {
  const bytes = 32 * 1024 * 1024;
  const program = `import sys\nsys.stdin.read()\nb=b'0123456789abcde\\n'*4096\nfor _ in range(${bytes / 65_536}): sys.stdout.buffer.write(b)`;
  const started = await capsule.background({
    cmd: "sh",
    args: ["-c", `while [ ! -e /tmp/flood ]; do sleep 0.02; done; python3 -c "${program}"`],
  });
  await using stalled = await attach(capsule.id, started.id);
  await using a = await attach(capsule.id, started.id);
  await using b = await attach(capsule.id, started.id);
  await Promise.all([stalled.message("start"), a.message("start"), b.message("start")]);
  stalled.socket.pause();
  await capsule.sh("touch /tmp/flood");
  const began = performance.now();
  const ends = await Promise.all([a.message("exit", () => true, 50_000), b.message("exit", () => true, 50_000)]);
  const tookMs = performance.now() - began;
  for (const [n, reader] of [a, b].entries()) {
    assert.equal(ends[n]?.stdout_bytes, bytes);
    const gap = reader.messages.find(({ type }) => type === "gap");
    assert.equal(gap, undefined, JSON.stringify(gap));
    assert.equal(reader.text().length, bytes);
  }
  assert.ok(tookMs < 120_000, `paced for at most 30 s, not for ever: ${Math.round(tookMs)} ms`);
  await capsule.sh("rm /tmp/flood");
});

test("before the upgrade: 404 for an unknown process, 400 for a wrong from, 409 for a paused capsule", async () => {
  const base = `/v1/capsules/${capsule.id}/processes`;
  for (const selector of ["999999", "no-such-tag", "pr-0000000000000000000000000", "1"])
    assert.equal((await refusedUpgrade(`${base}/${selector}/stream`)).status, 404);
  const started = await capsule.background({ cmd: "sleep", args: ["661"] });
  for (const from of ["0", "-1", "x", "1.5", ""])
    assert.equal((await refusedUpgrade(`${base}/${started.id}/stream?from=${from}`)).status, 400, from);
  assert.equal((await refusedUpgrade(`${base}/${started.id}/stream`, { key: null })).status, 401);
  await capsule.pause();
  assert.equal((await refusedUpgrade(`${base}/${started.id}/stream`)).status, 409);
  await capsule.resume();
  await expectCall("killProcess", 204, at(started.id));
});

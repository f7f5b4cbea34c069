import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { ServerMessage } from "@capsuled/contract";
import { expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { readState } from "../harness/state.ts";
import type { StreamClient } from "../harness/stream.ts";
import { attach, refusedUpgrade, startStream } from "../harness/stream.ts";
import { waitUntil } from "../harness/wait.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

type Exit = Extract<ServerMessage, { type: "exit" }>;

const sha256 = (bytes: string | Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const at = (selector: string, id = capsule.id) => ({ params: { id, selector } });

/** Runs in the background and waits for the end. */
async function ended(
  script: string,
  body: Readonly<Record<string, unknown>> = {},
  of: TestCapsule = capsule,
): Promise<{ id: string; exit: Exit }> {
  const { id } = await of.background({ cmd: "sh", args: ["-c", script], ...body });
  await using stream = await attach(of.id, id, "?from=start");
  return { id, exit: await stream.message("exit") };
}

/** The last number that a client has of a stream, the output's only. */
function lastSeq(stream: StreamClient): number {
  return stream.messages.reduce((last, message) => ("seq" in message && message.type !== "exit" ? Math.max(last, message.seq) : last), 0);
}

test(
  "a client that is cut off again and again comes back by sequence number, and misses and repeats nothing",
  { timeout: 300_000 },
  async () => {
    const program = `import sys,time
for n in range(60000):
  print('%06d %s' % (n, 'é😀漢x'*4), flush=n%97==0)
  if n%1500==0: time.sleep(0.01)
  if n%1000==0: print('err', n, file=sys.stderr, flush=True)`;
    const script = { cmd: "python3", args: ["-c", program] };
    let stream = await startStream(capsule.id, script);
    const { id } = await stream.message("start");
    let stdout = "";
    let stderr = "";
    let next = 1;
    let cuts = 0;
    for (;;) {
      const want = next;
      const isOver = await Promise.race([
        stream.message("exit").then(() => true),
        stream.printed((text) => text.length > 60_000).then(() => false),
      ]).catch(() => false);
      stream.socket.terminate();
      await stream.closed;
      stdout += stream.text("stdout");
      stderr += stream.text("stderr");
      assert.ok(!stream.messages.some(({ type }) => type === "gap"), "its journal is within its bound");
      const [first] = stream.messages.filter(
        (message) => message.type === "stdout" || message.type === "stderr" || message.type === "exit",
      );
      assert.equal(
        first === undefined ? want : "first_seq" in first ? (first.first_seq ?? first.seq) : first.seq,
        want,
        "the record asked for comes first",
      );
      if (isOver) break;
      next = Math.max(next, lastSeq(stream) + 1);
      cuts += 1;
      stream = await attach(capsule.id, id, `?from=${next}`);
    }
    assert.ok(cuts > 5, `only ${cuts} cuts`);
    const exit = stream.messages.at(-1);
    assert.ok(exit?.type === "exit");
    assert.deepEqual([exit.stdout_bytes, exit.stdout_sha256], [Buffer.byteLength(stdout), sha256(stdout)]);
    assert.deepEqual([exit.stderr_bytes, exit.stderr_sha256], [Buffer.byteLength(stderr), sha256(stderr)]);
    assert.ok(stdout.startsWith("000000 é😀漢x") && stdout.endsWith("\n") && stderr.endsWith("err 59000\n"));
  },
);

test("attaching begins with what comes from now on when nothing is asked for, with everything for start, and with record N for N", async () => {
  const { id, exit } = await ended("for i in 1 2 3 4 5 6; do echo $i; sleep 0.03; done");
  await using all = await attach(capsule.id, id, "?from=start");
  await all.message("exit");
  assert.equal(all.text(), "1\n2\n3\n4\n5\n6\n");
  for (const query of ["", "?from=now"]) {
    await using none = await attach(capsule.id, id, query);
    assert.equal((await none.message("exit")).seq, exit.seq);
    assert.equal(none.text(), "");
  }
  for (let from = 1; from <= exit.seq; from += 1) {
    await using rest = await attach(capsule.id, id, `?from=${from}`);
    const start = await rest.message("start");
    await rest.message("exit");
    assert.equal(start.next_seq, from);
    const [first] = rest.messages.slice(1);
    assert.equal(
      first !== undefined && "first_seq" in first
        ? (first.first_seq ?? first.seq)
        : first !== undefined && "seq" in first
          ? first.seq
          : null,
      from,
    );
  }
  assert.match((await refusedUpgrade(`/v1/capsules/${capsule.id}/processes/${id}/stream?from=${exit.seq + 2}`)).body, /"invalid_offset"/);
});

test("the end carries bytes and SHA-256 of each stream, the same wherever it is read", async () => {
  const script =
    "i=0; while [ $i -lt 500 ]; do echo line $i; echo warn $i >&2; i=$((i+1)); done; head -c 100000 /dev/urandom | tee /root/random; exit 3";
  const { id, exit } = await ended(script);
  const lines = (word: string): Buffer => Buffer.from(Array.from({ length: 500 }, (_, i) => `${word} ${i}\n`).join(""));
  const random = Buffer.from((await capsule.sh("base64 -w0 /root/random")).stdout, "base64");
  const out = Buffer.concat([lines("line"), random]);
  assert.deepEqual([exit.exit_code, exit.stdout_bytes, exit.stdout_sha256], [3, out.length, sha256(out)]);
  assert.deepEqual([exit.stderr_bytes, exit.stderr_sha256], [lines("warn").length, sha256(lines("warn"))]);
  const facts = await expectCall("getProcess", 200, at(id));
  assert.deepEqual([facts.exit_code, facts.stdout_bytes, facts.stdout_sha256], [3, out.length, sha256(out)]);
  assert.deepEqual([facts.stderr_sha256, facts.duration_ms], [exit.stderr_sha256, exit.duration_ms]);
  const foreground = await capsule.sh("printf abc; printf de >&2");
  assert.deepEqual([foreground.stdout_sha256, foreground.stderr_sha256], [sha256("abc"), sha256("de")]);
  await using binary = await attach(capsule.id, id, "?from=start&encoding=base64");
  await binary.message("exit");
  const got = binary.messages.map((message) => (message.type === "stdout" ? Buffer.from(message.data, "base64") : Buffer.alloc(0)));
  assert.equal(sha256(Buffer.concat(got)), exit.stdout_sha256, "a client can prove that it has everything");
});

test("text is the same through any number of resumes, also where the output ends in the middle of a character", async () => {
  const { id, exit } = await ended(
    "printf 'a\\360\\237'; sleep 0.05; printf '\\230\\200b'; sleep 0.05; printf '\\342\\202'; printf '\\303' >&2",
  );
  for (const name of ["stdout", "stderr"] as const) {
    const whole = name === "stdout" ? "a😀b\ufffd" : "\ufffd";
    await using all = await attach(capsule.id, id, "?from=start");
    await all.message("exit");
    assert.equal(all.text(name), whole);
    for (const [n, cut] of all.messages.entries()) {
      if (cut.type !== name) continue;
      await using rest = await attach(capsule.id, id, `?from=${cut.seq + 1}`);
      await rest.message("exit");
      const had = all.messages.slice(0, n + 1).map((message) => (message.type === name ? message.data : ""));
      assert.equal(had.join("") + rest.text(name), whole, `cut after ${cut.seq} of ${exit.seq}`);
    }
  }
});

test(
  "where the bound of a journal has dropped records, one gap states their range in sequence and bytes",
  { timeout: 300_000 },
  async () => {
    const MiB = 1 << 20;
    const { id } = await capsule.background({ cmd: "head", args: ["-c", String(300 * MiB), "/dev/zero"] });
    await waitUntil(async () => ((await expectCall("getProcess", 200, at(id))).running ? undefined : true), {
      what: "its end",
      timeoutMs: 30_000,
    });
    await using now = await attach(capsule.id, id);
    const exit = await now.message("exit");
    assert.equal(exit.stdout_bytes, 300 * MiB);
    const kept = await expectCall("getProcessOutput", 200, { ...at(id), query: { from: "0", limit: "1" } });
    assert.ok(kept.gap_bytes > 0 && kept.gap_bytes < 100 * MiB, `${kept.gap_bytes} bytes of 300 MiB are gone, the bound is 256`);
    assert.equal(kept.from, kept.gap_bytes);
    await using late = await attach(capsule.id, id, "?from=start&encoding=base64");
    const gap = await late.message("gap");
    assert.deepEqual([gap.from_seq, gap.stdout_bytes, gap.stderr_bytes], [1, kept.gap_bytes, 0]);
    const record = await late.message("stdout");
    assert.equal(record.seq, gap.seq + 1, "reading goes on with the record after the gap");
    assert.deepEqual(
      late.messages.slice(0, 3).map(({ type }) => type),
      ["start", "gap", "stdout"],
    );
    late.socket.terminate();
    await using end = await attach(capsule.id, id, `?from=${exit.seq - 1}&encoding=base64`);
    await end.message("exit");
    assert.ok(!end.messages.some(({ type }) => type === "gap"), "nothing near the end is gone");
    assert.equal((await capsule.sh("echo well")).stdout, "well\n");
  },
);

test("a short foreground command touches no file of the control directory", async () => {
  await using quiet = await newCapsule();
  await quiet.sh("true");
  const control = join(readState().dataDir, "capsules", quiet.id, "ctl");
  const log = join(control, "processes.log");
  const look = () => [readdirSync(join(control, "j")), existsSync(log) ? readFileSync(log, "utf8") : null];
  const before = look();
  for (let n = 0; n < 20; n += 1) await quiet.sh(`seq 1 1000; exit ${n % 2}`);
  assert.deepEqual(look(), before);
  await ended("echo", {}, quiet);
  assert.notDeepEqual(look(), before, "this would see a file");
});

test("a finished process answers also while its capsule is paused; ends outlive the capsule, output does not", async () => {
  const mine = await newCapsule();
  const { id, exit } = await ended("echo kept; exit 5", { tag: "done" }, mine);
  await mine.pause();
  for (const selector of [id, "done"]) {
    assert.equal((await expectCall("getProcess", 200, at(selector, mine.id))).exit_code, 5);
    assert.equal((await expectCall("getProcessOutput", 200, at(selector, mine.id))).data, "kept\n");
  }
  assert.equal((await refusedUpgrade(`/v1/capsules/${mine.id}/processes/${id}/stream`)).status, 409);
  await mine.resume();
  await using again = await attach(mine.id, "done", "?from=start");
  assert.equal((await again.message("exit")).stdout_sha256, exit.stdout_sha256);
  await mine[Symbol.asyncDispose]();
  const facts = await expectCall("getProcess", 200, at(id, mine.id));
  assert.deepEqual([facts.reason, facts.exit_code, facts.stdout_sha256], ["exited", 5, sha256("kept\n")]);
  await expectError("getProcessOutput", "result_expired", at(id, mine.id));
});

test("journals outlive a stop: once the capsule is started again its processes' output and ends are as before", async () => {
  await using mine = await newCapsule();
  const { id, exit } = await ended("echo out; echo err >&2; exit 6", { tag: "done" }, mine);
  const left = await mine.background({ cmd: "sh", args: ["-c", "trap '' TERM; echo waiting; while :; do sleep 0.1; done"], tag: "left" });
  await using live = await attach(mine.id, "left", "?from=start");
  await live.printed((text) => text === "waiting\n");
  await mine.pause(); // a paused capsule's processes are not asked first, so that its agent sees no end of theirs
  await expectCall("stopCapsule", 200, { params: { id: mine.id } });
  await expectError("getProcessOutput", "invalid_state", at(id, mine.id));
  const told = await expectCall("getProcess", 200, at("left", mine.id));
  assert.equal(told.reason, "capsule_stopped");
  await expectCall("startCapsule", 200, { params: { id: mine.id }, body: { wait_ms: 30_000 } });
  await using again = await attach(mine.id, id, "?from=start");
  assert.deepEqual({ ...(await again.message("exit")) }, { ...exit });
  assert.deepEqual([again.text(), again.text("stderr")], ["out\n", "err\n"]);
  await using cut = await attach(mine.id, left.id, "?from=start");
  const end = await cut.message("exit");
  assert.deepEqual([end.reason, end.exit_code, cut.text()], ["capsule_stopped", 137, "waiting\n"]);
  assert.equal((await expectCall("getProcess", 200, at(left.id, mine.id))).reason, end.reason, "agent and store give one reason");
});

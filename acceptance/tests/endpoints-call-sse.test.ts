import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { after, before, test } from "node:test";
import { promisify } from "node:util";
import { expectCall, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { publish, request, runEnded } from "../harness/endpoint.ts";
import { SEED } from "../harness/seed.ts";
import { readState } from "../harness/state.ts";

const run = promisify(execFile);

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

/** The documented text with our URL and key in place of theirs. */
function own(sample: string, path: string, key: string): string {
  const text = sample.replaceAll(SEED.url, `${readState().url}${path}`).replaceAll(SEED.key, key);
  assert.notEqual(text, sample);
  return text;
}

test("the documented curl command works as it stands, but for URL and key", async () => {
  await using deploy = await publish({ command: `printf 'Building project...\\nCompiling 42 files...\\n'`, capsule: capsule.id });
  const { stdout } = await run("bash", ["-c", own(SEED.curl, deploy.path, deploy.key)]);
  const data = stdout
    .split("\n")
    .flatMap((line): unknown[] => (line.startsWith("data: ") ? [JSON.parse(line.slice("data: ".length))] : []));
  assert.equal(data.length, 3, stdout);
  assert.deepEqual(data.slice(0, 2), [
    { type: "output", data: "Building project...", stream: "stdout" },
    { type: "output", data: "Compiling 42 files...", stream: "stdout" },
  ]);
  assert.equal(property(data[2], "type"), "done");
  assert.equal(property(data[2], "exit_code"), 0);
  assert.ok(Number.isInteger(property(data[2], "duration_ms")));
});

test("with curl -N each line arrives while the command waits to print the next", async () => {
  await using deploy = await publish({
    command: `sh -c 'echo first; until [ -e /root/go ]; do sleep 0.02; done; echo second'`,
    capsule: capsule.id,
  });
  await capsule.sh("rm -f /root/go");
  const curl = spawn("bash", ["-c", `exec ${own(SEED.curl, deploy.path, deploy.key).replace("curl", "curl -sS")}`], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let got = "";
  const ended = new Promise<number | null>((done) => curl.once("close", done));
  await new Promise<void>((done) =>
    curl.stdout.setEncoding("utf8").on("data", (text: string) => {
      got += text;
      if (got.includes('"first"')) done();
    }),
  );
  assert.ok(!got.includes('"second"'));
  await capsule.sh("touch /root/go");
  assert.equal(await ended, 0);
  assert.ok(got.includes('"second"') && got.includes('"done"'), got);
});

test("the documented fetch sample, which splits by network chunk, sees whole events", async () => {
  // More than a client takes in one read is cut anywhere by the network, whatever is written: 600 lines are less.
  await using deploy = await publish({
    command: `sh -c 'echo "on $0"; for i in 0 1 2 3; do seq $((i * 150 + 1)) $((i * 150 + 150)); sleep 0.1; done; exit 3'`,
    args: [{ name: "branch" }],
    capsule: capsule.id,
  });
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", own(SEED.fetch, deploy.path, deploy.key)]);
  const lines = stdout.split("\n").slice(0, -1);
  assert.equal(lines[0], "output on main");
  assert.deepEqual(
    lines.slice(1, -1),
    Array.from({ length: 600 }, (_, at) => `output ${at + 1}`),
  );
  assert.equal(lines.at(-1), "done 3");
});

test("an event for each line as it is printed, with an id, its stream, and done with exit code, duration, run and byte counts", async () => {
  await using one = await publish({
    command: `sh -c 'echo out; sleep 0.2; echo err >&2; sleep 0.2; echo; printf "last without end"; exit 7'`,
    capsule: capsule.id,
  });
  await using stream = await one.stream();
  await stream.over();
  assert.equal(stream.status, 200);
  assert.equal(stream.headers.get("cache-control"), "no-store");
  assert.equal(stream.headers.get("x-accel-buffering"), "no");
  assert.match(stream.runId, /^run-[0-9a-z]{25}$/);
  assert.deepEqual(
    stream.events.slice(0, -1),
    [
      { type: "output", data: "out", stream: "stdout" },
      { type: "output", data: "err", stream: "stderr" },
      { type: "output", data: "", stream: "stdout" },
      { type: "output", data: "last without end", stream: "stdout" },
    ],
    "stderr is told apart, an empty line is one, and a last line without its end is not lost",
  );
  assert.deepEqual(
    stream.seen.map(({ id }) => id),
    ["4.0", "4.4", "5.4", "21.4", "21.4.end"].map((place) => `${stream.runId}.${place}`),
    "ids are the run and the bytes of both streams",
  );
  const { exit_code, reason, run_id, signal, stdout_bytes, stderr_bytes, duration_ms } = stream.done();
  assert.deepEqual(
    { exit_code, reason, run_id, signal, stdout_bytes, stderr_bytes },
    { exit_code: 7, reason: "exited", run_id: stream.runId, signal: null, stdout_bytes: 21, stderr_bytes: 4 },
  );
  assert.ok(duration_ms >= 300, `${duration_ms} ms`);
});

test("lines keep what they hold: UTF-8 over any chunk, quotes, carriage returns, control characters; bytes that are no text are base64", async () => {
  const text = 'ünïcödé 日本語 🚀 "quoted" back\\slash\ttab \u0001\u0085\u2028 end';
  await using one = await publish({
    command: "python3 -c {{program}}",
    args: [{ name: "program" }],
    capsule: capsule.id,
  });
  const program = `import sys,time
data = ${JSON.stringify(text)}.encode()
for byte in data:
  sys.stdout.buffer.write(bytes([byte])); sys.stdout.buffer.flush()
sys.stdout.buffer.write(b"\\ncrlf\\r\\nid: 5\\ndata: {}\\n\\xff\\xfe\\x00binary\\n: comment\\n")`;
  await using stream = await one.stream({ body: { program } });
  await stream.over();
  const outputs = stream.events.flatMap((event) => (event.type === "output" ? [event] : []));
  assert.deepEqual(
    outputs.map(({ data }) => data),
    [text, "crlf", "id: 5", "data: {}", Buffer.from([255, 254, 0, ...Buffer.from("binary")]).toString("base64"), ": comment"],
  );
  assert.deepEqual(
    outputs.map(({ encoding }) => encoding),
    [undefined, undefined, undefined, undefined, "base64", undefined],
  );
});

test("a line longer than the bound is split, says so in each part but the last, and comes together again", async () => {
  const length = 200_000;
  await using one = await publish({ command: `python3 -c "print('é' * ${length}); print('short')"`, capsule: capsule.id });
  await using stream = await one.stream();
  await stream.over();
  const parts = stream.events.flatMap((event) => (event.type === "output" ? [event] : []));
  assert.ok(parts.length > 4);
  assert.ok(parts.every(({ data }) => data.length <= 64 * 1024));
  assert.deepEqual(
    parts.map(({ partial }) => partial === true),
    parts.map((_, at) => at < parts.length - 2),
  );
  assert.deepEqual(stream.lines(), ["é".repeat(length), "short"]);
});

test("the paths under /v1 and /api/v1 are one", async () => {
  await using one = await publish({ command: "echo same", capsule: capsule.id });
  await using stream = await one.stream({ prefix: "/api" });
  await stream.over();
  assert.deepEqual(stream.lines(), ["same"]);
});

test("a command that cannot be found or executed is an end as a shell's: 127 or 126, with words on stderr", async () => {
  await using missing = await publish({ command: "no-such-program", capsule: capsule.id });
  await using stream = await missing.stream();
  await stream.over();
  assert.equal(stream.done().exit_code, 127);
  assert.match(stream.lines("stderr").join("\n"), /no-such-program/);
  await using closed = await publish({ command: "/etc/passwd", capsule: capsule.id });
  assert.equal((await closed.json()).exit_code, 126);
});

test("a directory that is not there is an error event, and a 502 with the run's id for JSON", async () => {
  await using one = await publish({ command: "true", working_dir: "/no/such", capsule: capsule.id });
  await using stream = await one.stream();
  await stream.over();
  assert.match(stream.error().error, /working_dir/);
  const { code, details } = await one.refused(502);
  assert.equal(code, "run_failed");
  assert.match(JSON.stringify(details), /run-[0-9a-z]{25}/);
});

test("many callers stream at once, each its own run and its own lines", async () => {
  await using one = await publish({
    command: `sh -c 'for i in $(seq 200); do echo "$0 $i"; done'`,
    args: [{ name: "who" }],
    capsule: capsule.id,
  });
  const streams = await Promise.all(Array.from({ length: 12 }, (_, nth) => one.stream({ query: { who: `caller${nth}` } })));
  for (const [nth, stream] of streams.entries()) {
    await using own = stream;
    await own.over();
    assert.deepEqual(
      own.lines(),
      Array.from({ length: 200 }, (_, at) => `caller${nth} ${at + 1}`),
    );
  }
  assert.equal(new Set(streams.map(({ runId }) => runId)).size, 12);
});

test("DELETE of a run kills its process tree; the stream ends with its reason", async () => {
  await using one = await publish({ command: `sh -c 'sleep 4242 & echo up; sleep 4243'`, capsule: capsule.id });
  await using stream = await one.stream();
  await stream.line("up");
  await expectCall("cancelRun", 200, { params: { id: stream.runId } });
  await stream.over();
  const ended = await runEnded(stream.runId);
  assert.equal(ended.status, "cancelled");
  assert.equal(ended.reason, "cancelled");
  assert.equal(ended.output, "up\n");
  assert.equal((await capsule.sh("ps -eo args= | grep -c '^sleep 424' || true")).stdout.trim(), "0");
  assert.equal(
    (await expectCall("cancelRun", 200, { params: { id: stream.runId } })).status,
    "cancelled",
    "a run that has ended stays as it is",
  );
});

test("a call's URL without an endpoint is 404 with a key and 401 without", async () => {
  const response = await request("/v1/no-such-team/no-such-endpoint");
  assert.equal(response.status, 404, await response.text());
  const bare = await request("/v1/no-such-team/no-such-endpoint", { key: null });
  assert.equal(bare.status, 401, await bare.text());
});

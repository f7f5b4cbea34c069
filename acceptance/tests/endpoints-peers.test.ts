import assert from "node:assert/strict";
import { connect } from "node:net";
import { availableParallelism } from "node:os";
import { after, before, test } from "node:test";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { publish, request, runEnded, runSeen, streamOf } from "../harness/endpoint.ts";
import type { TestEndpoint } from "../harness/endpoint.ts";
import { processUse } from "../harness/host.ts";
import { mostMemoryWhile } from "../harness/memory.ts";
import { readState } from "../harness/state.ts";
import { waitUntil } from "../harness/wait.ts";

/** What servers of this kind were seen to do wrong. */
let capsule: TestCapsule;
before(async () => {
  // A host may have one processor.
  capsule = await newCapsule({ vcpus: Math.min(2, availableParallelism()) });
});
after(() => capsule[Symbol.asyncDispose]());

async function sleepers(mark: string): Promise<number> {
  return Number((await capsule.sh(`ps -eo args= | grep -c '^sleep ${mark}' || true`)).stdout.trim());
}

test("with on_disconnect: kill a caller that leaves ends the run with its whole tree, grandchildren in other sessions included", async () => {
  await using one = await publish({
    command: `sh -c 'sleep 7701 & setsid sleep 7702 & (env -i setsid sleep 7703 & exit); echo up; sleep 7704'`,
    on_disconnect: "kill",
    capsule: capsule.id,
  });
  for (const how of ["events", "JSON"] as const) {
    let id = "";
    if (how === "events") {
      await using stream = await one.stream();
      await stream.line("up");
      id = stream.runId;
    } else {
      const abort = new AbortController();
      const left = one.call({ headers: { accept: "application/json" }, signal: abort.signal }).catch(() => null);
      await waitUntil(async () => ((await sleepers("770")) === 4 ? true : undefined), { what: "the tree" });
      abort.abort();
      await left;
      id = (await one.runs())[0]?.id ?? "";
    }
    const ended = await runEnded(id);
    assert.deepEqual([ended.status, ended.reason], ["cancelled", "client_gone"], how);
    assert.equal(await sleepers("770"), 0, how);
  }
});

test("with on_disconnect: kill a run goes on while another one follows it, at the call's own URL or the run's", async () => {
  await using one = await publish({ command: `sh -c 'echo up; sleep 7711'`, on_disconnect: "kill", capsule: capsule.id });
  for (const where of ["call", "run"] as const) {
    const stream = await one.stream();
    await stream.line("up");
    const headers = { "last-event-id": `${stream.runId}.0.0` };
    await using second = await (where === "call" ? one.stream({ headers }) : streamOf(`/v1/runs/${stream.runId}/stream`, { headers }));
    await second.line("up");
    await waitUntil(async () => ((await sleepers("7711")) === 1 ? true : undefined), { what: "what comes after its line" });
    await stream[Symbol.asyncDispose]();
    await new Promise((done) => setTimeout(done, 700));
    assert.equal(await sleepers("7711"), 1, where);
    await second[Symbol.asyncDispose]();
    assert.equal((await runEnded(stream.runId)).reason, "client_gone");
  }
});

test("by default a caller that leaves changes nothing: the run goes on to its end, and its output is kept", async () => {
  await using one = await publish({ command: `sh -c 'echo up; sleep 1; echo end'`, capsule: capsule.id });
  const stream = await one.stream();
  await stream.line("up");
  await stream[Symbol.asyncDispose]();
  const ended = await runEnded(stream.runId);
  assert.deepEqual([ended.status, ended.output], ["succeeded", "up\nend\n"]);
});

test("children that a command leaves behind do not hold its answer, and end with its run where the capsule is its own", async () => {
  await using one = await publish({ command: `sh -c '(sleep 60; echo late) & echo now'` });
  const began = performance.now();
  const { output, exit_code } = await one.json();
  assert.deepEqual([output, exit_code], ["now\n", 0]);
  assert.ok(performance.now() - began < 30_000, "the answer does not wait for the orphan");
});

test("stderr is read while stdout is: much of either, in any order, holds nothing up", async () => {
  await using one = await publish({
    command: `sh -c 'head -c 3000000 /dev/zero | tr "\\0" e >&2; echo; head -c 3000000 /dev/zero | tr "\\0" o; echo x >&2'`,
    timeout: 60,
    capsule: capsule.id,
  });
  await using stream = await one.stream();
  await stream.over();
  const { stdout_bytes, stderr_bytes, exit_code } = stream.done();
  assert.deepEqual([stdout_bytes, stderr_bytes, exit_code], [3_000_001, 3_000_002, 0]);
  assert.deepEqual(
    stream.lines("stderr").map(({ length }) => length),
    [3_000_001],
  );
});

test("a script that is too fast loses nothing, any number of times", async () => {
  await using one = await publish({ command: `sh -c 'printf "no end of line"'`, capsule: capsule.id });
  for (let nth = 0; nth < 40; nth++) assert.equal((await one.json()).output, "no end of line");
});

test("a script may write to /dev/stdout, and finds no terminal and no open input", async () => {
  await using one = await publish({
    command: `sh -c 'echo direct > /dev/stdout; [ -t 1 ] && echo tty; cat; echo end'`,
    capsule: capsule.id,
  });
  assert.equal((await one.json()).output, "direct\nend\n");
});

/** Asks for events over a bare socket and reads nothing but the head of the answer. */
async function stalledReader(one: TestEndpoint): Promise<{ readonly runId: string; close(): void }> {
  const { hostname, port } = new URL(readState().url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.write(`GET ${one.path} HTTP/1.1\r\nhost: ${hostname}\r\nx-api-key: ${one.key}\r\n\r\n`);
  const head = await new Promise<string>((done) => {
    let text = "";
    const take = (bytes: Buffer): void => {
      text += bytes.toString("latin1");
      if (!text.includes("\r\n\r\n")) return;
      socket.off("data", take);
      socket.pause();
      done(text);
    };
    socket.on("data", take);
  });
  const runId = /^x-run-id: (\S+)/im.exec(head)?.[1];
  assert.ok(runId !== undefined, head);
  return { runId, close: () => socket.destroy() };
}

test(
  "a reader that stalls slows neither the command nor another reader, and the server's memory stays bounded",
  { timeout: 300_000 },
  async () => {
    const megabytes = 200;
    await using one = await publish({
      command: `sh -c 'yes "a line of sixty-four bytes, with its end, as a build prints it...." | head -c ${megabytes}000000'`,
      timeout: 100,
      capsule: capsule.id,
    });
    const grown = await mostMemoryWhile(async () => {
      const stalled = await stalledReader(one);
      const ended = await runEnded(stalled.runId, undefined, 90_000);
      assert.equal(ended.status, "succeeded");
      assert.equal(ended.stdout_bytes, megabytes * 1_000_000);
      // Another reader of the same run gets all of it, while the first one still takes nothing.
      const response = await request(`/v1/runs/${stalled.runId}/output`, { headers: { accept: "application/octet-stream" } });
      assert.equal((await response.arrayBuffer()).byteLength, megabytes * 1_000_000);
      stalled.close();
    });
    assert.ok(grown < 160 << 20, `${grown >> 20} MiB more, while ${megabytes} MB were printed`);
  },
);

test(
  "a stalled reader of more output than is kept changes nothing for its run, whose readers are told how much is missing, and the end",
  { timeout: 300_000 },
  async () => {
    const [line, lines, from] = [8192, 37_000, 30_000];
    const total = line * lines;
    await using one = await publish({
      command: `sh -c 'yes "$(head -c ${line - 1} /dev/zero | tr "\\0" x)" | head -c ${total}'`,
      timeout: 110,
      capsule: capsule.id,
    });
    const grown = await mostMemoryWhile(async () => {
      const stalled = await stalledReader(one);
      const ended = await runEnded(stalled.runId, undefined, 110_000);
      assert.deepEqual([ended.status, ended.exit_code, ended.stdout_bytes], ["succeeded", 0, total]);
      stalled.close();
      // As one that had the first 245 MB comes back.
      await using back = await one.stream({ headers: { "last-event-id": `${stalled.runId}.${from * line}.0` } });
      await back.over();
      const gaps = back.events.flatMap((event) => (event.type === "gap" ? [event] : []));
      const missing = gaps.reduce((sum, gap) => sum + gap.stdout_bytes, 0);
      const told = back.events.reduce(
        (sum, event) => sum + (event.type === "output" ? event.data.length + (event.partial === true ? 0 : 1) : 0),
        0,
      );
      assert.ok(missing > 0 && missing <= total - (250 << 20), `${missing} bytes are missing`);
      assert.equal(told + missing, total - from * line, "every byte is told, or counted");
      assert.deepEqual([back.done().exit_code, back.done().stdout_bytes, back.events.at(-2)?.type], [0, total, "output"]);
      // As one body it ends, as its length says, where the first byte is missing.
      const raw = await request(`/v1/runs/${stalled.runId}/output?from=${from * line}`, {
        headers: { accept: "application/octet-stream" },
      });
      const { byteLength } = await raw.arrayBuffer();
      assert.equal(Number(raw.headers.get("content-length")), byteLength);
      assert.ok(byteLength > 0 && byteLength <= total - from * line - missing, `${byteLength} bytes are there before the gap`);
    });
    assert.ok(grown < 128 << 20, `${grown >> 20} MiB more, while ${total} bytes were printed`);
  },
);

test("a buffered answer does not hold the whole output in memory", { timeout: 300_000 }, async () => {
  await using one = await publish({ command: `sh -c 'yes "a line of a build" | head -c 150000000'`, timeout: 100, capsule: capsule.id });
  const grown = await mostMemoryWhile(async () => {
    const result = await one.json();
    assert.equal(result.output_truncated, true);
    assert.equal(result.exit_code, 0);
  });
  // The answer's own 16 MiB, in the few forms that it goes through.
  assert.ok(grown < 200 << 20, `${grown >> 20} MiB more for one answer of 150 MB`);
});

test("a reader that is gone without a word is noticed by nobody but itself: the run and the server go on", async () => {
  await using one = await publish({ command: `sh -c 'for i in $(seq 100); do echo $i; sleep 0.01; done'`, capsule: capsule.id });
  const readers = await Promise.all(Array.from({ length: 10 }, () => stalledReader(one)));
  for (const reader of readers) reader.close();
  for (const { runId } of readers) assert.equal((await runEnded(runId)).status, "succeeded");
});

test("the exit code is told whatever it is, 0 included, and a signal by its name", async () => {
  for (const [script, code, signal] of [
    ["exit 0", 0, null],
    ["exit 1", 1, null],
    ["exit 255", 255, null],
    ["kill -9 $$", 137, "SIGKILL"],
    ["kill -TERM $$", 143, "SIGTERM"],
  ] as const) {
    await using one = await publish({ command: `sh -c '${script}'`, capsule: capsule.id });
    await using stream = await one.stream();
    await stream.over();
    const done = stream.done();
    assert.deepEqual([done.exit_code, done.signal], [code, signal], script);
    assert.ok(stream.raw.includes(`"exit_code":${code}`), "0 is told too");
  }
});

test(
  "a call without a reader of its end leaves nothing behind: many calls cut at any moment, and the server holds no more than before",
  { timeout: 300_000 },
  async () => {
    await using one = await publish({ command: `sh -c 'echo a; sleep 0.05; echo b'`, capsule: capsule.id });
    await one.json();
    const { descriptors } = processUse(readState().pid);
    for (let round = 0; round < 8; round++) {
      await Promise.all(
        Array.from({ length: 8 }, async (_, nth) => {
          const abort = new AbortController();
          setTimeout(() => abort.abort(), nth * 10);
          await one.call({ signal: abort.signal }).then(
            (response) => response.text().catch(() => ""),
            () => "",
          );
        }),
      );
    }
    for (const { id } of await one.runs({ limit: "100" })) await runSeen(id, ({ ended_at: at }) => at !== null, "end");
    await waitUntil(() => (processUse(readState().pid).descriptors <= descriptors + 12 ? true : undefined), {
      what: "descriptors to be closed",
      // A connection to the agent that was needed while many runs went on at once stays for 30 s.
      timeoutMs: 90_000,
    });
  },
);

test("an Origin that is not listed gets no ticket's worth: a foreign page's upgrade is refused, and its call carries no leave", async () => {
  await using one = await publish({ command: "true", public: true, capsule: capsule.id });
  const response = await one.call({ key: null, headers: { origin: "https://evil.example", accept: "application/json" } });
  await response.text();
  assert.equal(response.headers.get("access-control-allow-origin"), null);
  const upgrade = await request(`/v1/capsules/${capsule.id}/exec/stream`, { headers: { origin: "https://evil.example" } });
  assert.notEqual(upgrade.status, 101);
});

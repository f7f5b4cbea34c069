import assert from "node:assert/strict";
import { getEventListeners } from "node:events";
import { test } from "node:test";
import { CANCEL_MS } from "./run.ts";
import { STDIN_WINDOW_BYTES } from "./stdin-feed.ts";
import { encodeBytes, encodeJson, FRAME } from "./frame.ts";
import type { PeerConnection } from "./testing/peer.ts";
import { createPeer, exit, linkTo, output, PROCESS, refusal, startSpec, started, turns } from "./testing/peer.ts";

const lost = { name: "AgentLostError" } as const;
const never = (): AbortSignal => new AbortController().signal;

test("a run gives what was printed and the facts of the end", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const run = link.run(startSpec({ cmd: "sh", args: ["-c", "x"], timeoutMs: 5 }), null, 100, never());
  const agent = await peer.next();
  await agent.welcome();
  const start = await agent.expectJson("start");
  assert.deepEqual(start, {
    id: PROCESS,
    cmd: "sh",
    args: ["-c", "x"],
    env: { PATH: "/usr/bin:/bin" },
    cwd: "/root",
    user: { uid: 0, gid: 0, groups: [] },
    tag: "",
    attach: true,
    stdin: false,
    timeout_ms: 5,
    kill_grace_ms: 2000,
    foreground: true,
    busy: true,
    on_disconnect: "grace",
  });
  agent.send(started(), output("stdout", 1, "ou"), output("stderr", 2, "err"), output("stdout", 3, "t", 2), exit({ exit_code: 3, seq: 4 }));
  const { started: begun, end, stdout, stderr } = await run;
  assert.deepEqual([Buffer.from(stdout).toString(), Buffer.from(stderr).toString()], ["out", "err"]);
  assert.deepEqual([begun.pid, end.exitCode, end.reason, end.seq, end.signal], [42, 3, "exited", 4, null]);
});

test("what is beyond the bound is read and dropped: the head is kept", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const run = link.run(startSpec(), null, 5, never());
  const agent = await peer.next();
  await agent.welcome();
  agent.send(
    started(),
    output("stdout", 1, "abc"),
    output("stdout", 2, "defg", 3),
    output("stderr", 3, "123456"),
    exit({ stdout_bytes: 7 }),
  );
  const { stdout, stderr, end } = await run;
  assert.deepEqual([Buffer.from(stdout).toString(), Buffer.from(stderr).toString(), end.stdoutBytes], ["abcde", "12345", 7]);
});

for (const [stage, frames] of Object.entries({
  "before started": [],
  "after started": [started()],
  "amid output": [started(), output("stdout", 1, "x")],
})) {
  test(`a connection lost ${stage} is a lost agent, and nothing listens to the caller's signal any more`, async () => {
    for (const kind of ["memory", "socket"] as const) {
      await using peer = await createPeer(kind);
      using link = linkTo(peer);
      const signal = never();
      const run = assert.rejects(link.run(startSpec(), null, 5, signal), lost);
      const agent = await peer.next();
      await agent.welcome();
      await agent.expect("start");
      agent.send(...frames);
      agent.hangUp();
      await run;
      assert.deepEqual(getEventListeners(signal, "abort"), []);
    }
  });
}

test("the caller's abort cancels the process at once, and the run still gives its end", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const controller = new AbortController();
  const run = link.run(startSpec(), null, 5, controller.signal);
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("start");
  agent.send(started());
  controller.abort();
  assert.deepEqual(await agent.expectJson("cancel"), { reason: "client_gone", grace_ms: 0 });
  agent.send(exit({ reason: "client_gone", exit_code: 137, signal: "SIGKILL" }));
  assert.equal((await run).end.reason, "client_gone");
});

test("a caller that is gone before the start has its process cancelled", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const run = link.run(startSpec(), null, 5, AbortSignal.abort());
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("start");
  await agent.expect("cancel");
  agent.send(started(), exit({ reason: "client_gone" }));
  assert.equal((await run).end.reason, "client_gone");
});

test("an agent that does not report the end of a cancelled process is given up in time", async (t) => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const controller = new AbortController();
  const run = assert.rejects(link.run(startSpec(), null, 5, controller.signal), lost);
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("start");
  t.mock.timers.enable({ apis: ["setTimeout"] });
  controller.abort();
  await agent.expect("cancel");
  t.mock.timers.tick(CANCEL_MS);
  await run;
  await agent.closed;
});

test("an abort after the end does nothing", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const controller = new AbortController();
  const run = link.run(startSpec(), null, 5, controller.signal);
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("start");
  agent.send(started(), exit());
  await run;
  controller.abort();
  await turns();
  assert.deepEqual(agent.pending, []);
});

test("a refusal before the start frees the connection; one in the middle closes it", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const first = assert.rejects(link.run(startSpec(), null, 5, never()), { code: "not_found" });
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("start");
  agent.send(refusal("not_found"));
  await first;
  const second = assert.rejects(link.run(startSpec(), null, 5, never()), { code: "slow_consumer" });
  await agent.expect("start");
  agent.send(started(), refusal("slow_consumer"));
  await second;
  await agent.closed;
});

test("a command that no frame can carry is refused as too big, and takes no connection", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const spec = startSpec({ args: Array.from({ length: 4 }, () => "\u0001".repeat(60_000)) });
  for (const operate of [() => link.run(spec, null, 5, never()), () => link.open(spec), () => link.start(spec)]) {
    await assert.rejects(operate(), { name: "AgentRefusal", code: "too_big" });
  }
  assert.equal(peer.count(), 0);
});

/** Reads stdin frames until `bytes` are there or the close comes; gives them. */
async function readStdin(agent: PeerConnection, bytes: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let size = 0; size < bytes;) {
    const part = await agent.expect("stdin");
    parts.push(part);
    size += part.length;
  }
  return Buffer.concat(parts);
}

const room = (bytes: number): Buffer => encodeJson(FRAME.stdin_room, { bytes });

test("stdin is sent whole and in order, closed at its end, and never beyond the window", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const stdin = Buffer.alloc(STDIN_WINDOW_BYTES * 2 + 12_345, "0123456789");
  const run = link.run(startSpec({ stdin: true }), stdin, 5, never());
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("start");
  assert.deepEqual(agent.pending, [], "nothing is sent to a process that has not started");
  agent.send(started());
  const parts = [await readStdin(agent, STDIN_WINDOW_BYTES)];
  for (const taken of [1, 100_000, 300_000, STDIN_WINDOW_BYTES - 400_001]) {
    await turns();
    assert.deepEqual(agent.pending, [], "the window is full");
    agent.send(room(taken));
    parts.push(await readStdin(agent, taken));
  }
  agent.send(room(50_000));
  parts.push(await readStdin(agent, 12_345));
  await agent.expect("stdin_close");
  assert.ok(Buffer.concat(parts).equals(stdin));
  agent.send(exit());
  await run;
});

test("an agent that makes room that was never filled, or finds the queue full, is a lost agent", async () => {
  for (const word of [room(11), refusal("stdin_full"), encodeBytes(FRAME.stdin_room, Buffer.from('{"bytes":-1}'))]) {
    await using peer = await createPeer();
    using link = linkTo(peer);
    const run = link.run(startSpec({ stdin: true }), Buffer.alloc(10), 5, never());
    const outcome = assert.rejects(run);
    const agent = await peer.next();
    await agent.welcome();
    await agent.expect("start");
    agent.send(started(), word);
    await outcome;
    await agent.closed;
  }
});

test("a process that ends without its stdin frees the connection, and the rest is not sent", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const run = link.run(startSpec({ stdin: true }), Buffer.alloc(STDIN_WINDOW_BYTES * 3), 5, never());
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("start");
  agent.send(started());
  await readStdin(agent, STDIN_WINDOW_BYTES);
  agent.send(exit());
  await run;
  const next = link.run(startSpec(), null, 5, never());
  await agent.expect("start");
  agent.send(started(), exit());
  await next;
});

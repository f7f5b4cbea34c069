import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProcessEvent, ProcessStream } from "../core/ports/agent-link.ts";
import { encodeJson, FRAME } from "./frame.ts";
import type { Peer, PeerConnection } from "./testing/peer.ts";
import { createPeer, exit, linkTo, output, refusal, startSpec, started, turns } from "./testing/peer.ts";

/** Opens a stream on a fresh connection whose agent sends `frames` in one chunk. */
async function opened(peer: Peer, link: ReturnType<typeof linkTo>, ...frames: Buffer[]): Promise<[ProcessStream, PeerConnection]> {
  const opening = link.open(startSpec());
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("start");
  agent.send(...frames);
  return [await opening, agent];
}

/** Collects events; `end` resolves with all of them at the last. */
function listen(stream: ProcessStream): { readonly events: ProcessEvent[]; readonly end: Promise<ProcessEvent[]> } {
  const events: ProcessEvent[] = [];
  const end = new Promise<ProcessEvent[]>((resolve) => {
    stream.onEvent((event) => {
      events.push(event);
      if (event.kind === "exit" || event.kind === "failed") resolve(events);
    });
  });
  return { events, end };
}

const kinds = (events: readonly ProcessEvent[]): string => events.map((event) => event.kind).join(" ");
const text = (event: ProcessEvent | undefined): string => (event?.kind === "stdout" ? Buffer.from(event.bytes).toString() : "");

test("all that came in the chunk of started, the exit included, reaches a listener that is set later", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const gap = encodeJson(FRAME.gap, { from_seq: 1, to_seq: 4, stdout_bytes: 10, stderr_bytes: 0 });
  const [stream] = await opened(
    peer,
    link,
    started({ next_seq: 1 }),
    gap,
    output("stdout", 5, "a"),
    output("stderr", 6, "b"),
    exit({ seq: 7 }),
  );
  await turns();
  const events = await listen(stream).end;
  assert.equal(kinds(events), "gap stdout stderr exit");
  assert.deepEqual(events[0], { kind: "gap", fromSeq: 1, toSeq: 4, stdoutBytes: 10, stderrBytes: 0 });
  assert.equal(stream.started.pid, 42);
});

test("after the exit the connection serves the next operation, also when the reader had paused", async () => {
  for (const paused of [false, true]) {
    await using peer = await createPeer();
    using link = linkTo(peer);
    const [stream, agent] = await opened(peer, link, started());
    const { end, events } = listen(stream);
    stream.onEvent((event) => {
      events.push(event);
      if (paused) stream.pause();
    });
    agent.send(output("stdout", 1, "x"), exit());
    await turns();
    const touched = link.touch();
    await agent.expect("touch");
    agent.send(encodeJson(FRAME.result, {}));
    await touched;
    assert.equal(peer.count(), 1);
    assert.equal(kinds(events), paused ? "stdout" : "stdout exit");
    if (paused) stream.resume();
    assert.equal(kinds(events), "stdout exit");
    void end;
  }
});

test("no event comes between pause and resume, not even of the same chunk", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const [stream, agent] = await opened(peer, link, started());
  const seen: string[] = [];
  stream.onEvent((event) => {
    seen.push(text(event) || event.kind);
    stream.pause();
  });
  agent.send(output("stdout", 1, "a"), output("stdout", 2, "b"), output("stdout", 3, "c"), exit());
  for (const expected of ["a", "b", "c", "exit"]) {
    await turns();
    assert.equal(seen.at(-1), expected);
    stream.resume();
  }
  assert.deepEqual(seen, ["a", "b", "c", "exit"]);
});

test("a reader that stalls makes the agent's writes stall: what is buffered is bounded", async () => {
  await using peer = await createPeer("socket");
  using link = linkTo(peer);
  const [stream, agent] = await opened(peer, link, started());
  let received = 0;
  const end = new Promise<void>((resolve) => {
    stream.onEvent((event) => {
      if (event.kind === "stdout") received += event.bytes.length;
      else resolve();
    });
  });
  stream.pause();
  const total = 64 * 1024 * 1024;
  const block = Buffer.alloc(64 * 1024);
  let taken = 0;
  for (let seq = 1; taken < total; seq += 1) {
    agent.socket.write(output("stdout", seq, block));
    taken += block.length;
    await turns(2);
    if (agent.socket.writableLength > 4 * 1024 * 1024) break;
  }
  assert.ok(taken < 8 * 1024 * 1024, `${taken} bytes went out though nobody reads`);
  assert.equal(received, 0);
  stream.resume();
  agent.send(exit());
  await end;
  assert.equal(received, taken);
});

for (const [stage, frames] of Object.entries({ "before any output": [], "amid output": [output("stdout", 1, "x")] })) {
  test(`a connection lost ${stage} ends the stream with a failure that says lost, once`, async () => {
    for (const kind of ["memory", "socket"] as const) {
      await using peer = await createPeer(kind);
      using link = linkTo(peer);
      const [stream, agent] = await opened(peer, link, started(), ...frames);
      const { end, events } = listen(stream);
      agent.hangUp();
      await end;
      await turns();
      const last = events.at(-1);
      assert.ok(last?.kind === "failed" && last.code === "lost");
      assert.equal(events.length, frames.length + 1);
    }
  });
}

test("junk amid a stream ends it with a failure, and the connection is closed", async () => {
  for (const junk of [
    Buffer.from([0]),
    started(),
    encodeJson(FRAME.exit, { id: "x" }),
    encodeJson(FRAME.gap, {}),
    encodeJson(FRAME.stdout, {}),
  ]) {
    await using peer = await createPeer();
    using link = linkTo(peer);
    const [stream, agent] = await opened(peer, link, started());
    const { end } = listen(stream);
    agent.send(output("stdout", 1, "x"), junk);
    assert.equal(kinds(await end), "stdout failed");
    await agent.closed;
  }
});

test("the agent's own failure amid a stream is told with its code", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const [stream, agent] = await opened(peer, link, started(), refusal("slow_consumer"));
  assert.deepEqual(await listen(stream).end, [{ kind: "failed", code: "slow_consumer", message: "refused: slow_consumer" }]);
  await agent.closed;
});

test("a full stdin queue is an event, and the stream goes on", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const room = encodeJson(FRAME.stdin_room, { bytes: 7 });
  const [stream] = await opened(peer, link, started(), refusal("stdin_full"), room, output("stdout", 1, "x"), exit());
  const events = await listen(stream).end;
  assert.equal(kinds(events), "stdin_full stdin_room stdout exit");
});

test("stdin, its end and a cancel reach the agent; after the exit they go nowhere", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const [stream, agent] = await opened(peer, link, started());
  const { end } = listen(stream);
  const bytes = Buffer.alloc(150_000, "stdin");
  stream.sendStdin(bytes);
  stream.closeStdin();
  stream.cancel("stopped", 250);
  const parts = [await agent.expect("stdin"), await agent.expect("stdin"), await agent.expect("stdin")];
  assert.ok(Buffer.concat(parts).equals(bytes));
  await agent.expect("stdin_close");
  assert.deepEqual(await agent.expectJson("cancel"), { reason: "stopped", grace_ms: 250 });
  agent.send(exit());
  await end;
  stream.sendStdin(Buffer.from("late"));
  stream.closeStdin();
  stream.cancel("stopped", 0);
  stream.close();
  await turns();
  assert.deepEqual(agent.pending, []);
});

test("close detaches: the connection ends and no event comes, not even of the same chunk", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const [stream, agent] = await opened(peer, link, started());
  const seen: string[] = [];
  stream.onEvent((event) => {
    seen.push(event.kind);
    stream.close();
  });
  agent.send(output("stdout", 1, "a"), output("stdout", 2, "b"));
  await agent.closed;
  await turns();
  assert.deepEqual(seen, ["stdout"]);
});

test("attach says from where, and a refused one frees the connection", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const refused = assert.rejects(link.attach("web", 17), { name: "AgentRefusal", code: "invalid_offset", field: "from" });
  const agent = await peer.next();
  await agent.welcome();
  assert.deepEqual(await agent.expectJson("attach"), { selector: "web", from: 17 });
  agent.send(refusal("invalid_offset", "from"));
  await refused;
  const attached = link.attach("42", "now");
  assert.deepEqual(await agent.expectJson("attach"), { selector: "42", from: "now" });
  agent.send(started({ next_seq: 5 }), exit({ seq: 5 }));
  assert.equal((await attached).started.nextSeq, 5);
  assert.equal(peer.count(), 1);
});

test("a listener that copies gets every byte, however frames are cut and whenever it pauses, though their memory is used again", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const [stream, agent] = await opened(peer, link, started());
  const sizes = Array.from({ length: 60 }, (_, nth) => [65_536, 1, 40_000, 16_384, 65_536, 300][nth % 6] ?? 0);
  const records = sizes.map((size, nth) => Buffer.alloc(size, nth + 1));
  const expected = Buffer.concat(records);
  const got: Buffer[] = [];
  const ended = new Promise<void>((resolve) => {
    stream.onEvent((event) => {
      if (event.kind === "exit") resolve();
      if (event.kind !== "stdout") return;
      got.push(Buffer.from(event.bytes));
      if (got.length % 7 !== 0) return;
      stream.pause();
      setImmediate(() => stream.resume());
    }, true);
  });
  const sent = Buffer.concat([...records.map((bytes, nth) => output("stdout", nth + 1, bytes)), exit({ seq: records.length + 1 })]);
  for (let at = 0, nth = 0; at < sent.length; nth += 1) {
    const to = at + ([65_536, 20_000, 65_570, 3, 100_000][nth % 5] ?? 1);
    // A chunk of its own, as a socket reads it.
    agent.send(Buffer.from(sent.subarray(at, to)));
    at = to;
    await turns();
  }
  await ended;
  assert.ok(Buffer.concat(got).equals(expected), `${Buffer.concat(got).length} bytes of ${expected.length}`);
});

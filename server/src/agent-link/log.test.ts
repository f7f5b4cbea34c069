import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogEntry } from "../core/ports/agent-link.ts";
import { encodeJson, FRAME } from "./frame.ts";
import { createPeer, linkTo, PROCESS, refusal, result, turns } from "./testing/peer.ts";

const process = { id: PROCESS, pid: 42, tag: "web", cmd: "sleep", args: ["1"], started_at_ms: 10 };
const facts = {
  exit_code: 0,
  signal: null,
  reason: "exited",
  requested: null,
  oom_kills: 0,
  stdout_bytes: 0,
  stderr_bytes: 0,
  late_bytes: 0,
};
const end = { ...facts, id: PROCESS, pid: 42, tag: "web", seq: 1, duration_ms: 1, started_at_ms: 10, ended_at_ms: 11 };

function entry(n: number, change: object = {}): Buffer {
  return encodeJson(FRAME.entry, { n, kind: "started", time_ms: 10, process, ...change });
}

test("entries come in order with who started them, and a log that is not followed ends", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const got: LogEntry[] = [];
  const feed = link.log(3, false, (each) => got.push(each));
  const agent = await peer.next();
  await agent.welcome();
  assert.deepEqual(await agent.expectJson("log"), { from: 3, follow: false });
  agent.send(entry(3, { process: { ...process, by: "key-a" } }), entry(4, { kind: "ended", end }), result({ next: 5 }));
  await feed.done;
  assert.deepEqual(
    got.map(({ n, by, end: ended }) => [n, by, ended?.reason ?? null]),
    [
      [3, "key-a", null],
      [4, null, "exited"],
    ],
  );
  const touched = link.touch();
  await agent.expect("touch");
  agent.send(result());
  await touched;
  assert.equal(peer.count(), 1, "its connection is used again");
});

test("an entry that cannot be understood is left out, and the ones after it come", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const got: number[] = [];
  const feed = link.log(1, false, ({ n }) => got.push(n));
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("log");
  agent.send(
    encodeJson(FRAME.entry, { n: 3, kind: "gap", from: 1, to: 3 }),
    entry(4, { process: { ...process, id: "x".repeat(1000) } }),
    entry(5, { process: { ...process, pid: -1 } }),
    entry(6, { end }),
    entry(7, { kind: "ended" }),
    entry(8, { kind: "ended", end: { ...end, reason: "bored" } }),
    entry(9),
    result({ next: 10 }),
  );
  await feed.done;
  assert.deepEqual(got, [9]);
});

test("a command is kept up to a bound, however long the agent says it is", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const got: LogEntry[] = [];
  const feed = link.log(1, false, (each) => got.push(each));
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("log");
  agent.send(
    entry(1, { process: { ...process, cmd: "c".repeat(100_000), args: Array.from({ length: 5000 }, () => "a".repeat(100)) } }),
    result(),
  );
  await feed.done;
  const told = got[0]?.process;
  assert.equal(told?.cmd.length, 4096);
  assert.ok((told?.args.join(" ").length ?? 0) <= 4096);
});

for (const [what, answer] of Object.entries({
  "an entry without a number": encodeJson(FRAME.entry, { kind: "started" }),
  "a frame of another operation": encodeJson(FRAME.started, {}),
})) {
  test(`${what} ends the connection`, async () => {
    await using peer = await createPeer();
    using link = linkTo(peer);
    const feed = link.log(1, true, () => assert.fail("no entry came"));
    const agent = await peer.next();
    await agent.welcome();
    await agent.expect("log");
    agent.send(answer);
    await assert.rejects(feed.done, { name: "AgentLostError" });
    await agent.closed;
  });
}

test("an agent that does not know the operation, refuses it or goes away is told of; a closed feed says no more", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const refused = link.log(9, true, () => {});
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("log");
  agent.send(refusal("invalid_offset", "from"));
  await assert.rejects(refused.done, { name: "AgentRefusal", code: "invalid_offset" });
  const lost = link.log(1, true, () => {});
  await agent.expect("log");
  agent.hangUp();
  await assert.rejects(lost.done, { name: "AgentLostError" });
  const closed = link.log(1, true, () => assert.fail("nothing comes after close"));
  const second = await peer.next();
  await second.welcome();
  await second.expect("log");
  closed.close();
  second.send(entry(1));
  await second.closed;
  await turns();
});

test("a paused feed takes no more than what has come, until it goes on", async () => {
  await using peer = await createPeer("socket");
  using link = linkTo(peer);
  let count = 0;
  const feed = link.log(1, true, () => {
    count += 1;
  });
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("log");
  feed.pause();
  const many = Buffer.concat(Array.from({ length: 20_000 }, (_, index) => entry(index + 1)));
  const isTaken = agent.socket.write(many);
  await turns(50);
  assert.equal(isTaken, false);
  assert.ok(count < 20_000, `${count} entries came`);
  const drained = new Promise<void>((resolve) => agent.socket.once("drain", resolve));
  feed.resume();
  await drained;
  while (count < 20_000) await turns();
  feed.close();
});

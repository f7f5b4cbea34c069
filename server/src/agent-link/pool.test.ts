import assert from "node:assert/strict";
import { test } from "node:test";
import { FRAME } from "./frame.ts";
import { CONNECTIONS_MAX, IDLE_CONNECTION_MS, IDLE_CONNECTIONS_KEPT, IDLE_CONNECTIONS_MAX } from "./pool.ts";
import type { PeerConnection } from "./testing/peer.ts";
import { createPeer, linkTo, output, refusal, result, turns } from "./testing/peer.ts";

async function answerTouch(agent: PeerConnection): Promise<void> {
  await agent.expect("touch");
  agent.send(result());
}

test("operations one after the other share one connection", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const first = link.touch();
  const agent = await peer.next();
  await agent.welcome();
  await answerTouch(agent);
  await first;
  for (let n = 0; n < 5; n += 1) await Promise.all([link.touch(), answerTouch(agent)]);
  assert.equal(peer.count(), 1);
});

test("in place of a connection that is taken for good another one is made ready, and who comes meanwhile waits for it", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const look = async (): Promise<unknown> => link.files.stat({ path: "/x" });
  const first = assert.rejects(look(), { name: "AgentRefusal" });
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("file");
  const ready = await peer.next();
  const second = assert.rejects(look(), { name: "AgentRefusal" });
  await turns();
  await ready.welcome();
  await ready.expect("file");
  assert.equal(peer.count() <= 3, true, "nobody but the next one is made ready");
  agent.send(refusal("not_found"));
  ready.send(refusal("not_found"));
  await Promise.all([first, second]);
});

test("where none can be made ready, who comes next hears why", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const first = assert.rejects(link.files.stat({ path: "/x" }), { name: "AgentRefusal" });
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("file");
  const ready = await peer.next();
  ready.hangUp();
  agent.send(refusal("not_found"));
  await first;
  const second = assert.rejects(link.files.stat({ path: "/x" }), { name: "AgentRefusal" });
  const third = await peer.next();
  await third.welcome();
  await third.expect("file");
  third.send(refusal("not_found"));
  await second;
});

test("an idle connection that died is not handed out", async () => {
  for (const kind of ["memory", "socket"] as const) {
    await using peer = await createPeer(kind);
    using link = linkTo(peer);
    const first = link.touch();
    const agent = await peer.next();
    await agent.welcome();
    await answerTouch(agent);
    await first;
    agent.hangUp();
    await agent.closed;
    const second = link.touch();
    const fresh = await peer.next();
    await fresh.welcome();
    await answerTouch(fresh);
    await second;
    assert.equal(peer.count(), 2);
  }
});

test("an idle connection on which the agent speaks out of turn is closed", async () => {
  for (const word of [result(), output("stdout", 1, "x"), Buffer.from([FRAME.hello])]) {
    await using peer = await createPeer();
    using link = linkTo(peer);
    const first = link.touch();
    const agent = await peer.next();
    await agent.welcome();
    await agent.expect("touch");
    agent.send(result(), word);
    await first;
    if (word.length > 1) await agent.closed;
    else agent.send(Buffer.from([1, 0, 0, 0, 0]));
    await agent.closed;
    const second = link.touch();
    const fresh = await peer.next();
    await fresh.welcome();
    await answerTouch(fresh);
    await second;
  }
});

test(`at most ${IDLE_CONNECTIONS_MAX} idle connections are kept`, async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const all = Array.from({ length: IDLE_CONNECTIONS_MAX + 4 }, () => link.touch());
  const agents: PeerConnection[] = [];
  for (const _ of all) agents.push(await peer.next());
  for (const agent of agents) await agent.welcome();
  let closed = 0;
  for (const agent of agents) void agent.closed.then(() => (closed += 1));
  for (const agent of agents) await answerTouch(agent);
  await Promise.all(all);
  await turns();
  assert.equal(closed, 4);
});

test(`of the idle connections that were not needed for ${IDLE_CONNECTION_MS} ms, ${IDLE_CONNECTIONS_KEPT} are kept`, async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  await using peer = await createPeer();
  using link = linkTo(peer);
  const all = Array.from({ length: IDLE_CONNECTIONS_MAX }, () => link.touch());
  const agents: PeerConnection[] = [];
  for (const _ of all) agents.push(await peer.next());
  for (const agent of agents) await agent.welcome();
  let closed = 0;
  for (const agent of agents) void agent.closed.then(() => (closed += 1));
  for (const agent of agents) await answerTouch(agent);
  await Promise.all(all);
  // Four at once are needed again and again: those stay, and the others go.
  const busy = agents.slice(-4);
  for (let period = 0; period < 5; period += 1) {
    await Promise.all([...busy.map(answerTouch), ...busy.map(() => link.touch())]);
    t.mock.timers.tick(IDLE_CONNECTION_MS);
    await turns();
  }
  assert.equal(closed, IDLE_CONNECTIONS_MAX - 4 - IDLE_CONNECTIONS_KEPT);
  for (let period = 0; period < 3; period += 1) {
    t.mock.timers.tick(IDLE_CONNECTION_MS);
    await turns();
  }
  assert.equal(closed, IDLE_CONNECTIONS_MAX - IDLE_CONNECTIONS_KEPT);
  assert.equal(peer.count(), IDLE_CONNECTIONS_MAX);
});

test(`more than ${CONNECTIONS_MAX} operations at once are refused, and the link goes on`, async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const all = Array.from({ length: CONNECTIONS_MAX }, () => link.touch());
  await assert.rejects(link.touch(), { name: "AgentRefusal", code: "too_many_operations" });
  for (const _ of all) {
    const agent = await peer.next();
    await agent.welcome();
    await answerTouch(agent);
  }
  await Promise.all(all);
  await turns();
  assert.equal(peer.count(), CONNECTIONS_MAX);
});

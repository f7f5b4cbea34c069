import assert from "node:assert/strict";
import { once } from "node:events";
import type { Duplex } from "node:stream";
import { test } from "node:test";
import { encodeJson, FRAME } from "./frame.ts";
import { createPeer, linkTo, refusal, result } from "./testing/peer.ts";

function nextOf(stream: Duplex): Promise<string> {
  return new Promise((resolve) => stream.once("data", (chunk: Buffer) => resolve(chunk.toString("latin1"))).resume());
}

test("behind its answer a dialled connection is the port's: bytes go through unchanged, those that came at once too", async () => {
  await using peer = await createPeer("socket");
  using link = linkTo(peer);
  const dialled = link.dial(80);
  const agent = await peer.next();
  await agent.welcome();
  assert.deepEqual(await agent.expectJson("dial"), { port: 80 });
  // What follows looks like a frame, and is none.
  agent.socket.removeAllListeners("data");
  agent.send(result(), encodeJson(FRAME.error, { code: "no", message: "frame" }));
  const socket = await dialled;
  assert.equal(await nextOf(socket), encodeJson(FRAME.error, { code: "no", message: "frame" }).toString("latin1"));
  socket.write("hello");
  assert.equal(await nextOf(agent.socket), "hello");
});

test("each way of a dialled connection ends by itself", async () => {
  await using peer = await createPeer("socket");
  using link = linkTo(peer);
  const dialled = link.dial(80);
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("dial");
  agent.socket.removeAllListeners("data");
  agent.send(result());
  agent.hangUp();
  const socket = await dialled;
  socket.resume();
  await once(socket, "end");
  assert.equal(socket.writable, true, "the other way is open");
  socket.end("last");
  assert.equal(await nextOf(agent.socket), "last");
});

test("the link's end is the end of what it dialled", async () => {
  await using peer = await createPeer("socket");
  const link = linkTo(peer);
  const dialled = link.dial(80);
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("dial");
  agent.send(result());
  const socket = await dialled;
  const closed = once(socket, "close");
  link.close();
  await closed;
});

test("a refusal to dial is the agent's with its code, and its connection is not used again", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const dialled = assert.rejects(link.dial(80), { name: "AgentRefusal", code: "refused" });
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("dial");
  agent.send(refusal("refused"));
  await dialled;
  await agent.closed;
});

test("ports are told as the agent sees them, and their connection is not used again: its worker closes it", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const asked = link.ports();
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("ports");
  const listening = [{ port: 80, address: "::", pid: null }];
  agent.send(result({ ports: listening }));
  assert.deepEqual(await asked, listening);
  await agent.closed;
});

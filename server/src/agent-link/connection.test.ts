import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentLostError } from "../core/ports/agent-link.ts";
import { HELLO_MS } from "./greet.ts";
import { encodeBytes, FRAME } from "./frame.ts";
import {
  CAPSULE,
  createPeer,
  exit,
  linkTo,
  refusal,
  resources,
  result,
  SECRET,
  startSpec,
  started,
  turns,
  welcome,
} from "./testing/peer.ts";

const lost = { name: "AgentLostError" } as const;

test("hello carries the version, the capsule and the secret, and comes first", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const touched = link.touch();
  const agent = await peer.next();
  assert.deepEqual(await agent.expectJson("hello"), { version: 1, capsule: CAPSULE, secret: SECRET });
  assert.deepEqual(agent.pending, [], "nothing follows before welcome");
  agent.send(welcome());
  await agent.expect("touch");
  agent.send(result());
  await touched;
});

for (const [what, answer] of Object.entries({
  "another capsule's agent": welcome({ capsule: `cl-${"x".repeat(25)}` }),
  "another version": welcome({ version: 2 }),
  "a welcome of the wrong shape": welcome({ boot_id: 7 }),
  "a frame that is neither welcome nor error": started(),
  junk: Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n"),
  "an unknown frame": Buffer.from([0x7f]),
})) {
  test(`${what} for an answer to hello is a lost agent, and its connection is closed`, async () => {
    await using peer = await createPeer();
    using link = linkTo(peer);
    const touched = assert.rejects(link.touch(), lost);
    const agent = await peer.next();
    await agent.expect("hello");
    agent.send(answer);
    await touched;
    await agent.closed;
  });
}

test("a refused hello is the agent's refusal with its code", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const touched = assert.rejects(link.touch(), { name: "AgentRefusal", code: "unauthorized" });
  const agent = await peer.next();
  await agent.expect("hello");
  agent.send(refusal("unauthorized"));
  await touched;
  await agent.closed;
});

test("an agent that never says welcome is given up in time", async (t) => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const touched = assert.rejects(
    link.touch(),
    (error: Error) => error instanceof AgentLostError && /no welcome within/.test(error.message),
  );
  const agent = await peer.next();
  await agent.expect("hello");
  t.mock.timers.tick(HELLO_MS);
  await touched;
  await agent.closed;
});

test("a connection that ends between welcome and the operation is a lost agent, not a wait for ever", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const attempts = [
    link.touch(),
    link.run(startSpec(), null, 10, AbortSignal.timeout(60_000)),
    link.open(startSpec()),
    link.start(startSpec()),
  ];
  for (const attempt of attempts) {
    const outcome = assert.rejects(attempt, lost);
    await (await peer.next()).welcome(Buffer.from([0x7f]));
    await outcome;
  }
});

test("junk inside an operation is a lost agent, whichever operation it is", async () => {
  const operations = {
    touch: (link: ReturnType<typeof linkTo>) => link.touch(),
    list: (link: ReturnType<typeof linkTo>) => link.list(),
    stats: (link: ReturnType<typeof linkTo>) => link.stats(),
    start: (link: ReturnType<typeof linkTo>) => link.start(startSpec()),
    open: (link: ReturnType<typeof linkTo>) => link.open(startSpec()),
    run: (link: ReturnType<typeof linkTo>) => link.run(startSpec(), null, 10, new AbortController().signal),
  };
  const junk = {
    "an unknown type": Buffer.from([0]),
    "a frame of 2 MiB": Buffer.from([FRAME.result, 0, 0, 0x20, 0]),
    "JSON of the wrong shape": encodeBytes(FRAME.result, Buffer.from("[]")),
    "a result that is not JSON": encodeBytes(FRAME.result, Buffer.from("{")),
    "an error that is not UTF-8": encodeBytes(FRAME.error, Buffer.from([0x7b, 0xff])),
    "an exit before started": exit(),
    "a frame that only hosts send": encodeBytes(FRAME.cancel, Buffer.from("{}")),
    "the agent's word that the protocol was broken": refusal("protocol"),
  };
  for (const [name, operate] of Object.entries(operations)) {
    for (const [what, bytes] of Object.entries(junk)) {
      await using peer = await createPeer();
      using link = linkTo(peer);
      const outcome = assert.rejects(operate(link), lost, `${name}: ${what}`);
      const agent = await peer.next();
      await agent.welcome();
      agent.send(bytes);
      await outcome;
      await agent.closed;
    }
  }
});

test("a connection lost in the middle of an operation is a lost agent, over real sockets too", async () => {
  for (const kind of ["memory", "socket"] as const) {
    await using peer = await createPeer(kind);
    using link = linkTo(peer);
    for (const operate of [
      () => link.touch(),
      () => link.list(),
      () => link.start(startSpec()),
      () => link.open(startSpec()),
      () => link.shutdown("capsule_stopped", 10),
    ]) {
      const outcome = assert.rejects(operate(), lost);
      const agent = await peer.next();
      await agent.welcome();
      await turns();
      agent.hangUp();
      await outcome;
      await agent.closed;
    }
  }
});

test("a refusal is told with its code and field, and its connection serves the next operation", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const first = assert.rejects(link.start(startSpec()), { name: "AgentRefusal", code: "cwd_not_found", field: "cwd" });
  const agent = await peer.next();
  await agent.welcome();
  await agent.expect("start");
  agent.send(refusal("cwd_not_found", "cwd"));
  await first;
  const second = link.touch();
  await agent.expect("touch");
  agent.send(result());
  await second;
  assert.equal(peer.count(), 1);
});

test("a driver that cannot reach the agent is a lost agent with the cause kept", async () => {
  const cause = new Error("ECONNREFUSED");
  using link = linkTo({
    open: () => Promise.reject(cause),
    next: () => Promise.reject(cause),
    count: () => 0,
    [Symbol.asyncDispose]: async () => undefined,
  });
  await assert.rejects(link.touch(), (error: Error) => error instanceof AgentLostError && error.cause === cause);
});

test("nothing is left after close: no timer, no socket", async () => {
  await using peer = await createPeer("socket");
  await turns(50);
  const before = resources();
  const link = linkTo(peer);
  const pending = [link.touch(), link.open(startSpec()), link.run(startSpec(), null, 10, new AbortController().signal), link.list()];
  const outcomes = pending.map((operation) => assert.rejects(operation, lost));
  const agents = [await peer.next(), await peer.next(), await peer.next(), await peer.next()];
  // One is greeted, the others wait for their welcome when the link closes.
  await agents[0]?.welcome();
  link.close();
  await Promise.all([...outcomes, ...agents.map((agent) => agent.closed)]);
  await turns(50);
  assert.deepEqual(resources(), before);
  await assert.rejects(link.touch(), lost);
  assert.equal(peer.count(), 4, "a closed link opens nothing");
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { createPeer, linkTo, output, PROCESS, refusal, result } from "./testing/peer.ts";

const lost = { name: "AgentLostError" } as const;

test("a range is what its records hold, and its connection is free afterwards", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const read = link.output(PROCESS, "stdout", 3, 10);
  const agent = await peer.next();
  await agent.welcome();
  assert.deepEqual(await agent.expectJson("output"), { selector: PROCESS, stream: "stdout", from: 3, limit: 10 });
  agent.send(
    output("stdout", 1, "abc", 5),
    output("stdout", 3, "def", 8),
    result({ from: 5, next: 11, kept_from: 5, total: 20, ended: false }),
  );
  const { bytes, ...range } = await read;
  assert.equal(Buffer.from(bytes).toString(), "abcdef");
  assert.deepEqual(range, { from: 5, next: 11, total: 20, ended: false, firstSeq: 1 });
  const none = link.output(PROCESS, "stderr", 99, 1);
  await agent.expect("output");
  agent.send(refusal("invalid_offset", "from"));
  await assert.rejects(none, { name: "AgentRefusal", code: "invalid_offset" });
  assert.equal(peer.count(), 1);
});

for (const [what, frames] of Object.entries({
  "more bytes than were asked for": [output("stdout", 1, "x".repeat(11))],
  "a range that is not what came": [output("stdout", 1, "abc"), result({ from: 0, next: 9, kept_from: 0, total: 9, ended: true })],
  "the other stream": [output("stderr", 1, "abc")],
  "a result of the wrong shape": [result({ from: -1 })],
})) {
  test(`${what} ends the connection`, async () => {
    await using peer = await createPeer();
    using link = linkTo(peer);
    const read = assert.rejects(link.output(PROCESS, "stdout", 0, 10), lost);
    const agent = await peer.next();
    await agent.welcome();
    await agent.expect("output");
    agent.send(...frames);
    await read;
    await agent.closed;
  });
}

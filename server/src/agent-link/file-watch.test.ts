import assert from "node:assert/strict";
import { test } from "node:test";
import type { FileWatch } from "../core/ports/agent-files.ts";
import { HELD_CHANGES_BYTES } from "./file-watch.ts";
import { encodeJson, FRAME } from "./frame.ts";
import type { PeerConnection } from "./testing/peer.ts";
import { createPeer, linkTo, refusal, result, turns } from "./testing/peer.ts";

type Peer = Awaited<ReturnType<typeof createPeer>>;

const entry = (event: object): Buffer => encodeJson(FRAME.entry, event);
const created = (path: string): Buffer => entry({ kind: "create", path, directory: false });

async function begin(peer: Peer, link: ReturnType<typeof linkTo>): Promise<{ agent: PeerConnection; watch: FileWatch }> {
  const opening = link.files.watch({ path: "/x" }, true);
  const agent = await peer.next();
  await agent.welcome();
  assert.deepEqual(await agent.expectJson("file"), { op: "watch", path: "/x", recursive: true });
  agent.send(encodeJson(FRAME.head, { watches: 3 }));
  return { agent, watch: await opening };
}

test("changes come in order with the paths they are about, and null once the directory is gone", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const { agent, watch } = await begin(peer, link);
  assert.equal(watch.directories, 3);
  agent.send(
    entry({ kind: "create", path: "/x/d", directory: true }),
    entry({ kind: "modify", path: "/x/\ufffd", path_base64: "L3gv/w==", directory: false }),
    entry({ kind: "attrib", path: "/x/f", directory: false }),
    entry({ kind: "move", path: "/x/g", from: "/x/f", directory: false }),
    entry({ kind: "delete", path: "/x/g", directory: false }),
    entry({ kind: "overflow" }),
    result({ ended: "gone" }),
  );
  const seen = [];
  for (let changes = await watch.next(); changes !== null; changes = await watch.next()) seen.push(...changes);
  assert.deepEqual(seen, [
    { kind: "created", path: "/x/d", isDirectory: true },
    { kind: "modified", path: "/x/\ufffd", pathBase64: "L3gv/w==", isDirectory: false },
    { kind: "attributes_changed", path: "/x/f", isDirectory: false },
    { kind: "renamed", path: "/x/g", from: "/x/f", isDirectory: false },
    { kind: "removed", path: "/x/g", isDirectory: false },
    { kind: "overflow" },
  ]);
  await agent.closed;
});

test("a watch that nobody reads takes no more than its bound, and goes on where it stood", async () => {
  await using peer = await createPeer("socket");
  using link = linkTo(peer);
  const { agent, watch } = await begin(peer, link);
  const name = "n".repeat(1000);
  let sent = 0;
  // What the host does not read waits in the agent's own end once the kernel's buffers are full.
  while (agent.socket.writableLength < 8 * HELD_CHANGES_BYTES) {
    agent.send(...Array.from({ length: 256 }, () => created(`/x/${name}${sent++}`)));
    await turns(2);
    assert.ok(sent < 64_000, "changes go on being taken though nobody reads them");
  }
  let count = 0;
  while (count < sent) {
    const changes = await watch.next();
    assert.ok(changes !== null && changes.length * 1000 < 2 * HELD_CHANGES_BYTES, `${changes?.length} at once`);
    for (const change of changes) {
      assert.ok(change.kind === "created" && change.path === `/x/${name}${count}`, `${count}`);
      count += 1;
    }
  }
  watch.close();
  await agent.closed;
});

test("a refusal, a refusal in the midst, and an agent that goes are told; who closes it is told nothing", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const opening = link.files.watch({ path: "/x" }, false);
  const refusing = await peer.next();
  await refusing.welcome();
  refusing.send(refusal("not_directory"));
  await assert.rejects(opening, { name: "AgentRefusal", code: "not_directory" });
  const grown = await begin(peer, link);
  grown.agent.send(created("/x/a"), refusal("watch_limit"));
  assert.equal((await grown.watch.next())?.length, 1);
  await assert.rejects(grown.watch.next(), { name: "AgentRefusal", code: "watch_limit" });
  const left = await begin(peer, link);
  const waiting = left.watch.next();
  left.agent.hangUp();
  await assert.rejects(waiting, { name: "AgentLostError" });
  const closed = await begin(peer, link);
  const unanswered = closed.watch.next();
  closed.watch.close();
  assert.equal(await unanswered, null);
  await closed.agent.closed;
});

for (const [what, frame] of [
  ["a kind that nobody knows", entry({ kind: "explode", path: "/x", directory: false })],
  ["no path", entry({ kind: "create", directory: false })],
  ["bytes", encodeJson(FRAME.bytes, {})],
] as const) {
  test(`${what} among changes ends the connection`, async () => {
    await using peer = await createPeer();
    using link = linkTo(peer);
    const { agent, watch } = await begin(peer, link);
    agent.send(frame);
    await assert.rejects(watch.next(), { name: "AgentLostError" });
    await agent.closed;
  });
}

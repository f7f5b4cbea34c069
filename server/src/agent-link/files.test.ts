import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { test } from "node:test";
import { HEAD_MS } from "./first-frame.ts";
import { giveBack, markPassing } from "../lib/passing-bytes.ts";
import { PUBLISH_MS, UNSENT_BYTES_MAX } from "./file-upload.ts";
import { FILE_ANSWER_MS, TREE_ANSWER_MS } from "./files.ts";
import { encodeBytes, encodeJson, FRAME } from "./frame.ts";
import type { PeerConnection } from "./testing/peer.ts";
import { createPeer, linkTo, refusal, result, turns } from "./testing/peer.ts";

const lost = { name: "AgentLostError" } as const;
const path = { path: "/x" };
const sha256 = "0".repeat(64);
const head = (length: number): Buffer => encodeJson(FRAME.head, { size: 100, from: 0, length, modified_at_ms: 5, inode: 7 });
const bytes = (text: string): Buffer => encodeBytes(FRAME.bytes, Buffer.from(text));

/** The agent's end of the connection on which the operation was asked for. */
async function asked(peer: Awaited<ReturnType<typeof createPeer>>, request: object): Promise<PeerConnection> {
  const agent = await peer.next();
  await agent.welcome();
  assert.deepEqual(await agent.expectJson("file"), request);
  return agent;
}

test("a file's bytes come in order and to the length that was told, with their digest behind them", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const opening = link.files.read(path, 3, 6);
  const agent = await asked(peer, { op: "read", path: "/x", from: 3, length: 6 });
  agent.send(head(6), bytes("abc"), bytes("def"), result({ bytes: 6, sha256 }));
  const download = await opening;
  assert.deepEqual(download.head, { size: 100, from: 0, length: 6, modifiedAt: 5, inode: 7 });
  assert.equal(download.sha256, null, "not before they were read");
  assert.equal(String(await download.next()), "abc");
  assert.equal(String(await download.next()), "def");
  assert.equal(await download.next(), null);
  assert.equal(download.sha256, sha256);
});

test("a worker that waits is asked the next time, and a fresh one where it has ended meanwhile", async () => {
  for (const kind of ["memory", "socket"] as const) {
    await using peer = await createPeer(kind);
    using link = linkTo(peer);
    const readAll = async (): Promise<string> => {
      const download = await link.files.read(path, 0, null);
      let text = "";
      for (let next = await download.next(); next !== null; next = await download.next()) text += Buffer.from(next).toString();
      return text;
    };
    const serve = async (agent: PeerConnection): Promise<void> => {
      assert.deepEqual(await agent.expectJson("file"), { op: "read", path: "/x", from: 0 });
      agent.send(head(3), bytes("abc"), result({ bytes: 3, sha256 }));
    };
    const first = readAll();
    const worker = await peer.next();
    await worker.welcome();
    await serve(worker);
    assert.equal(await first, "abc");
    const second = readAll();
    await serve(worker);
    assert.equal(await second, "abc");
    // The one that was made ready in place of it.
    const fresh = await peer.next();
    await fresh.welcome();
    const third = readAll();
    await worker.expect("file");
    worker.hangUp();
    await serve(fresh);
    assert.equal(await third, "abc");
    await worker.closed;
  }
});

test("what a worker refuses, or says nothing of in time, is not asked twice", async (t) => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const first = link.files.read(path, 0, 0);
  const worker = await peer.next();
  await worker.welcome();
  await worker.expect("file");
  worker.send(head(0), result({ bytes: 0, sha256 }));
  await first;
  const fresh = await peer.next();
  await fresh.welcome();
  await turns();
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const second = assert.rejects(link.files.read(path, 0, 0), lost);
  await worker.expect("file");
  t.mock.timers.tick(HEAD_MS);
  await second;
  assert.deepEqual(fresh.pending, []);
});

for (const [what, frames, error] of [
  ["ends too early", [head(6), bytes("abc"), result({ bytes: 3, sha256 })], lost],
  ["has more bytes than were told", [head(2), bytes("abc")], lost],
  ["changes", [head(6), bytes("abc"), refusal("changed")], { name: "AgentRefusal", code: "changed" }],
  ["comes from an agent that goes", [head(6), bytes("abc")], lost],
] as const) {
  test(`a file that ${what} is never read to an end`, async () => {
    await using peer = await createPeer();
    using link = linkTo(peer);
    const opening = link.files.read(path, 0, null);
    const agent = await asked(peer, { op: "read", path: "/x", from: 0 });
    agent.send(...frames);
    const download = await opening;
    const all = async (): Promise<void> => {
      for (;;) {
        const next = await download.next();
        if (next === null) return;
        agent.hangUp();
      }
    };
    await assert.rejects(all(), error);
    await agent.closed;
  });
}

test("a reader that waits holds back the agent, and one that leaves closes the connection", async () => {
  await using peer = await createPeer("socket");
  using link = linkTo(peer);
  const opening = link.files.read(path, 0, null);
  const agent = await asked(peer, { op: "read", path: "/x", from: 0 });
  const piece = randomBytes(256 * 1024);
  agent.send(encodeJson(FRAME.head, { size: 1e12, from: 0, length: 1e12, modified_at_ms: 0 }));
  const download = await opening;
  let taken = 0;
  while (agent.socket.write(encodeBytes(FRAME.bytes, piece))) taken += 1;
  while (!agent.socket.writableNeedDrain || agent.socket.writableLength < 8 * piece.length) {
    agent.socket.write(encodeBytes(FRAME.bytes, piece));
    taken += 1;
    await turns(2);
    assert.ok(taken < 64, "bytes go on being taken though nobody reads them");
  }
  for (let left = 2 * piece.length; left > 0; left -= (await download.next())?.length ?? left) assert.ok(left <= 2 * piece.length);
  download.close();
  await agent.closed;
});

test("bytes that pass through come as they were sent, wherever reads cut them, and their memory can be given back", async () => {
  await using peer = await createPeer("socket");
  using link = linkTo(peer);
  const opening = link.files.read(path, 0, null);
  const agent = await asked(peer, { op: "read", path: "/x", from: 0 });
  const sent = randomBytes(8 * 300_001);
  agent.send(encodeJson(FRAME.head, { size: sent.length, from: 0, length: sent.length, modified_at_ms: 0 }));
  for (let at = 0; at < sent.length; at += 300_001) agent.send(encodeBytes(FRAME.bytes, sent.subarray(at, at + 300_001)));
  agent.send(result({ bytes: sent.length, sha256 }));
  const download = await opening;
  const hash = createHash("sha256");
  const memory = new Set<ArrayBufferLike>();
  for (let bytes = await download.next(); bytes !== null; bytes = await download.next()) {
    hash.update(bytes);
    memory.add(bytes.buffer);
    giveBack(bytes);
  }
  assert.equal(hash.digest("hex"), createHash("sha256").update(sent).digest("hex"));
  assert.ok([...memory].some((buffer) => buffer.byteLength === 0));
});

test("what an upload has sent is given back where it only passes through, and left alone where it does not", async () => {
  await using peer = await createPeer("socket");
  using link = linkTo(peer);
  const opening = link.files.write(path, {});
  const agent = await asked(peer, { op: "write", path: "/x", exclusive: false });
  const upload = await opening;
  const [passing, kept] = [Buffer.from(new ArrayBuffer(100_000)), Buffer.from(new ArrayBuffer(100_000))];
  markPassing(passing);
  await upload.send(passing);
  await upload.send(kept);
  const finished = upload.finish();
  for (const size of [100_000, 100_000]) assert.equal((await agent.expect("stdin")).length, size);
  await agent.expect("stdin_close");
  agent.send(result({ size: 200_000, sha256, created: true, entry: {} }));
  await finished;
  assert.deepEqual([passing.length, kept.length], [0, 100_000]);
});

test("an upload that the agent does not take waits", async () => {
  await using peer = await createPeer("socket");
  using link = linkTo(peer);
  const opening = link.files.write(path, {});
  const agent = await asked(peer, { op: "write", path: "/x", exclusive: false });
  const upload = await opening;
  agent.socket.pause();
  const piece = randomBytes(64 * 1024);
  let [sent, isWaiting] = [0, false];
  while (!isWaiting) {
    const room = upload.send(piece);
    sent += piece.length;
    isWaiting = room !== undefined && (await Promise.race([room.then(() => false), turns(20).then(() => true)]));
    assert.ok(sent < UNSENT_BYTES_MAX + 8 * 1024 * 1024, "bytes go on being taken though nobody reads them");
    if (isWaiting) {
      agent.socket.resume();
      await room;
    }
  }
  upload.abort();
  await agent.closed;
});

test("an upload is sent in pieces, and done when the agent has put it in its place", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const opening = link.files.write(path, { mode: 0o600, exclusive: true, size: 300_000 });
  const agent = await asked(peer, { op: "write", path: "/x", mode: 0o600, size: 300_000, exclusive: true });
  const upload = await opening;
  const sent = randomBytes(300_000);
  await upload.send(sent);
  const parts = [await agent.expect("stdin"), await agent.expect("stdin")];
  assert.equal(Buffer.compare(Buffer.concat(parts), sent), 0);
  const finished = upload.finish();
  await agent.expect("stdin_close");
  const sum = createHash("sha256").update(sent).digest("hex");
  agent.send(result({ size: 300_000, sha256: sum, created: true, entry: {} }));
  assert.deepEqual(await finished, { size: 300_000, sha256: sum, created: true });
  await agent.closed;
});

test("an archive is read to the end that its last frame tells, and one that breaks off is never whole", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const opening = link.files.readArchive(path);
  const agent = await asked(peer, { op: "archive_read", path: "/x" });
  agent.send(bytes("tar"), bytes("red"), result({ entries: 2, bytes: 6, skipped: 1 }));
  const archive = await opening;
  assert.equal(archive.end, null, "not before it was read");
  assert.equal(`${String(await archive.next())}${String(await archive.next())}`, "tarred");
  assert.equal(await archive.next(), null);
  assert.deepEqual(archive.end, { entries: 2, bytes: 6, skipped: 1 });
  const cut = link.files.readArchive(path);
  const second = await asked(peer, { op: "archive_read", path: "/x" });
  second.send(bytes("tar"), refusal("changed"));
  const broken = await cut;
  assert.equal(String(await broken.next()), "tar");
  await assert.rejects(async () => broken.next(), { code: "changed" });
  const refused = assert.rejects(link.files.readArchive(path), { code: "not_found" });
  (await asked(peer, { op: "archive_read", path: "/x" })).send(refusal("not_found"));
  await refused;
});

test("what the agent says against an upload is heard by whoever sends next, and by one that waits for room", async () => {
  await using peer = await createPeer("socket");
  using link = linkTo(peer);
  const opening = link.files.write(path, {});
  const agent = await asked(peer, { op: "write", path: "/x", exclusive: false });
  const upload = await opening;
  agent.socket.pause();
  let room: Promise<void> | undefined;
  while (room === undefined) room = upload.send(randomBytes(256 * 1024));
  agent.send(refusal("disk_full"));
  await assert.rejects(room, { name: "AgentRefusal", code: "disk_full" });
  assert.throws(() => upload.send(Buffer.from("more")), { code: "disk_full" });
  await assert.rejects(upload.finish(), { code: "disk_full" });
  agent.socket.resume();
  await agent.closed;
});

test("an upload that is aborted closes its connection without its last frame", async () => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  const opening = link.files.write(path, {});
  const agent = await asked(peer, { op: "write", path: "/x", exclusive: false });
  const upload = await opening;
  await upload.send(Buffer.from("half"));
  await agent.expect("stdin");
  upload.abort();
  await agent.closed;
  assert.deepEqual(agent.pending, []);
});

test("operations on files have as long as a file, and as long as a tree, may take", async (t) => {
  await using peer = await createPeer();
  using link = linkTo(peer);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const cases: readonly [number, () => Promise<unknown>][] = [
    [FILE_ANSWER_MS, () => link.files.stat(path)],
    [FILE_ANSWER_MS, () => link.files.list(path, { depth: 1, limit: 1, after: null })],
    [FILE_ANSWER_MS, () => link.files.makeDirectory(path, true)],
    [TREE_ANSWER_MS, () => link.files.remove(path, true)],
    [TREE_ANSWER_MS, () => link.files.move(path, path, { overwrite: false, parents: false })],
    [TREE_ANSWER_MS, () => link.files.copy(path, path, { overwrite: false, parents: false, recursive: true })],
    [TREE_ANSWER_MS, () => link.files.changeMode(path, { mode: 0 }, true)],
    [HEAD_MS, () => link.files.read(path, 0, null)],
  ];
  for (const [ms, ask] of cases) {
    const outcome = assert.rejects(ask(), lost);
    const agent = await peer.next();
    await agent.welcome();
    await agent.expect("file");
    t.mock.timers.tick(ms);
    await outcome;
    await agent.closed;
  }
  const opening = link.files.write(path, {});
  const agent = await asked(peer, { op: "write", path: "/x", exclusive: false });
  const outcome = assert.rejects((await opening).finish(), lost);
  await agent.expect("stdin_close");
  t.mock.timers.tick(PUBLISH_MS);
  await outcome;
});

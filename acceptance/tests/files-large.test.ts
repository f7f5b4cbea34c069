import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { request } from "node:http";
import { after, before, test } from "node:test";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { download, expectProblem, fileRequest, postJson, upload } from "../harness/files.ts";
import { mostMemoryWhile } from "../harness/memory.ts";
import { readState } from "../harness/state.ts";
import { waitUntil } from "../harness/wait.ts";

const MIB = 1024 * 1024;

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule({ disk_mb: 256 });
});
after(() => capsule[Symbol.asyncDispose]());

/** A body of that many bytes, made as it is taken. */
async function* pieces(total: number, piece: Buffer): AsyncGenerator<Buffer> {
  for (let left = total; left > 0; left -= piece.length) yield piece.subarray(0, Math.min(left, piece.length));
}

test("4 GiB go in and out while the server's memory stays as it is, and every byte is the same", { timeout: 600_000 }, async () => {
  const size = 4 * 1024 * MIB;
  await using large = await newCapsule({ disk_mb: 5 * 1024 });
  const grown = await mostMemoryWhile(async () => {
    const piece = randomBytes(4 * MIB);
    const sent = createHash("sha256");
    const body = (async function* () {
      for await (const bytes of pieces(size, piece)) {
        sent.update(bytes);
        yield bytes;
      }
    })();
    const written = await fileRequest(large.id, "stream/write?path=/workspace/large", { body, duplex: "half" });
    assert.equal(written.status, 204, await written.text());
    const answer = await postJson(large.id, "stream/read", { path: "/workspace/large" });
    assert.equal(answer.headers.get("content-length"), String(size));
    assert.ok(answer.body !== null);
    const got = createHash("sha256");
    const reader = answer.body.getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      const bytes: unknown = next.value;
      assert.ok(bytes instanceof Uint8Array);
      got.update(bytes);
    }
    assert.equal(got.digest("hex"), sent.digest("hex"));
  });
  assert.ok(grown < 128 * MIB, `the server grew by ${Math.round(grown / MIB)} MiB`);
});

test("a plain write beyond 100 MiB is refused, told or not, and leaves the old file", async () => {
  await upload(capsule.id, "/tmp/plain", "old");
  const size = 101 * MIB;
  await expectProblem(
    fileRequest(capsule.id, "write?path=/tmp/plain", { body: pieces(size, Buffer.alloc(MIB)), duplex: "half" }),
    "too_large",
  );
  await expectProblem(fileRequest(capsule.id, "write?path=/tmp/plain", { body: Buffer.alloc(size) }), "too_large");
  assert.equal((await download(capsule.id, "/tmp/plain")).toString(), "old");
});

test("an upload that meets the disk's end is disk_full, in its midst and beforehand, and leaves nothing", async () => {
  const size = 300 * MIB;
  const write = (body: Buffer<ArrayBuffer> | AsyncIterable<Buffer>): Promise<Response> =>
    fileRequest(capsule.id, "stream/write?path=/workspace/new/full", { body, duplex: "half" });
  await expectProblem(write(pieces(size, randomBytes(MIB))), "disk_full");
  await expectProblem(write(Buffer.alloc(size)), "disk_full");
  assert.equal((await capsule.sh("ls /workspace; find / -xdev -name '.capsuled-*'")).stdout, "");
  await upload(capsule.id, "/workspace/new/small", "there is room");
});

test("a client that leaves in the midst of an upload leaves the file as it was, and no directory", async () => {
  await upload(capsule.id, "/tmp/left", "old");
  const isThere = async (path: string): Promise<boolean> => (await postJson(capsule.id, "stat", { path })).status === 200;
  for (const path of ["/tmp/left", "/tmp/new/way/left"]) {
    const { url, adminKey } = readState();
    const sending = request(`${url}/v1/capsules/${capsule.id}/files/stream/write?path=${path}`, {
      method: "POST",
      headers: { "x-api-key": adminKey, "content-length": String(64 * MIB) },
    });
    sending.on("error", () => undefined);
    await new Promise<void>((resolve) => sending.write(Buffer.alloc(8 * MIB), () => resolve()));
    if (path.startsWith("/tmp/new"))
      await waitUntil(async () => (await isThere("/tmp/new/way")) || undefined, { what: "the upload has begun" });
    sending.destroy();
  }
  await waitUntil(async () => !(await isThere("/tmp/new")) || undefined, { what: "the directories made for it are gone" });
  assert.equal((await download(capsule.id, "/tmp/left")).toString(), "old");
  assert.equal((await capsule.sh("find / -xdev -name '.capsuled-*'")).stdout, "");
});

test("whoever reads while a file is written sees the old one or the new one, whole", async () => {
  const versions = ["a", "b"].map((letter) => letter.repeat(2 * MIB));
  await upload(capsule.id, "/tmp/swap", versions[0] ?? "");
  let isWriting = true;
  const reading = (async (): Promise<number> => {
    let seen = 0;
    while (isWriting) {
      const text = (await download(capsule.id, "/tmp/swap")).toString();
      assert.ok(versions.includes(text), `${text.length} bytes of both`);
      seen += 1;
    }
    return seen;
  })();
  try {
    for (let round = 1; round <= 20; round += 1) await upload(capsule.id, "/tmp/swap", versions[round % 2] ?? "");
  } finally {
    isWriting = false;
  }
  assert.ok((await reading) > 0);
});

test("a file that shrinks while it is read breaks the answer off, and is never told short", async () => {
  await capsule.sh("truncate -s 200M /tmp/shrinks");
  const answer = await postJson(capsule.id, "stream/read", { path: "/tmp/shrinks" });
  assert.equal(answer.headers.get("content-length"), String(200 * MIB));
  assert.ok(answer.body !== null);
  const reader = answer.body.getReader();
  await reader.read();
  await capsule.sh("truncate -s 1M /tmp/shrinks");
  await assert.rejects(async () => {
    while (!(await reader.read()).done);
  });
});

test("the digest of a large file stands behind it for clients that take trailers", async () => {
  const bytes = randomBytes(3 * MIB);
  await upload(capsule.id, "/tmp/digested", bytes);
  const { url, adminKey } = readState();
  const trailers = await new Promise<NodeJS.Dict<string>>((resolve, reject) => {
    const asking = request(`${url}/v1/capsules/${capsule.id}/files/read?path=/tmp/digested`, {
      headers: { "x-api-key": adminKey, te: "trailers" },
    });
    asking.on("response", (answer) => answer.resume().on("end", () => resolve(answer.trailers)));
    asking.on("error", reject).end();
  });
  assert.equal(trailers["content-digest"], `sha-256=:${createHash("sha256").update(bytes).digest("base64")}:`);
  const plain = await postJson(capsule.id, "read", { path: "/tmp/digested" });
  assert.deepEqual([plain.headers.get("content-length"), plain.headers.get("content-digest")], [String(3 * MIB), null]);
  assert.equal(Buffer.compare(Buffer.from(await plain.arrayBuffer()), bytes), 0);
});

test("an upload keeps its capsule awake", async () => {
  await using awake = await newCapsule({ timeout_sec: 2 });
  const slow = (async function* () {
    for (let n = 0; n < 8; n += 1) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      yield Buffer.from("x");
    }
  })();
  const written = await fileRequest(awake.id, "stream/write?path=slow", { body: slow, duplex: "half" });
  assert.equal(written.status, 204, await written.text());
  assert.equal((await awake.get()).status, "running");
});

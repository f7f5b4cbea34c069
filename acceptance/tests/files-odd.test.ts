import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { after, before, test } from "node:test";
import { OPERATION_LIST } from "@capsuled/contract";
import { expectCall } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { download, expectProblem, fileRequest, postJson, upload } from "../harness/files.ts";
import { mostMemoryWhile } from "../harness/memory.ts";
import { refusedUpgrade } from "../harness/stream.ts";
import { watchByEvents, watchBySocket, watchPath } from "../harness/watch.ts";

const MIB = 1024 * 1024;

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule({ disk_mb: 256 });
});
after(() => capsule[Symbol.asyncDispose]());

const ZEROS = Buffer.alloc(MIB);

function isZero(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; at += MIB) {
    const piece = bytes.subarray(at, at + MIB);
    if (Buffer.compare(piece, ZEROS.subarray(0, piece.length)) !== 0) return false;
  }
  return true;
}

/** The pieces of an answer's body. */
async function* bodyOf(response: Response): AsyncGenerator<Uint8Array> {
  assert.ok(response.body !== null);
  for await (const piece of response.body) {
    const bytes: unknown = piece;
    assert.ok(bytes instanceof Uint8Array);
    yield bytes;
  }
}

test(
  "4 GiB of holes are read as zeros while the server's memory stays as it is, and do not fit a disk that has no holes",
  { timeout: 600_000 },
  async () => {
    const size = 4 * 1024 * MIB;
    await capsule.python(`f = open('/tmp/sparse', 'wb'); f.seek(${size - 3}); f.write(b'end')`);
    const grown = await mostMemoryWhile(async () => {
      const answer = await postJson(capsule.id, "stream/read", { path: "/tmp/sparse" });
      assert.equal(answer.headers.get("content-length"), String(size));
      let read = 0;
      let end = "";
      for await (const bytes of bodyOf(answer)) {
        const zeros = Math.max(0, Math.min(bytes.length, size - 3 - read));
        assert.ok(isZero(bytes.subarray(0, zeros)), `not zero near ${read}`);
        end += Buffer.from(bytes.subarray(zeros)).toString();
        read += bytes.length;
      }
      assert.deepEqual([read, end], [size, "end"]);
    });
    assert.ok(grown < 128 * MIB, `the server grew by ${Math.round(grown / MIB)} MiB`);
    const part = await postJson(capsule.id, "read", { path: "/tmp/sparse" }, { range: `bytes=${size - 5}-` });
    assert.deepEqual([part.status, await part.text()], [206, "\0\0end"]);
    const again = await postJson(capsule.id, "stream/read", { path: "/tmp/sparse" }, { range: `bytes=0-${300 * MIB - 1}` });
    await expectProblem(fileRequest(capsule.id, "stream/write?path=/tmp/full", { body: bodyOf(again), duplex: "half" }), "disk_full");
    assert.equal((await capsule.sh("ls /tmp")).stdout, "sparse\n");
    await capsule.sh("rm /tmp/sparse");
  },
);

test("a file that grows while it is read is given to the length that was told", async () => {
  const size = 64 * MIB;
  for (const operation of ["read", "stream/read"]) {
    await capsule.sh(`rm -f /tmp/grows; truncate -s ${size} /tmp/grows`);
    const answer = await postJson(capsule.id, operation, { path: "/tmp/grows" });
    assert.equal(answer.headers.get("content-length"), String(size));
    let read = 0;
    for await (const bytes of bodyOf(answer)) {
      if (read === 0) await capsule.sh("head -c 1M /dev/zero | tr '\\0' x >> /tmp/grows");
      assert.ok(isZero(bytes), "nothing of what came later");
      read += bytes.length;
    }
    assert.equal(read, size);
  }
});

test("a file that is replaced or removed while it is read is given as it was", async () => {
  const old = "old!".repeat(8 * MIB);
  for (const act of ["mv /tmp/next /tmp/swapped", "rm /tmp/swapped"]) {
    await upload(capsule.id, "/tmp/swapped", old, "stream/write");
    await capsule.sh("echo new > /tmp/next");
    const answer = await postJson(capsule.id, "stream/read", { path: "/tmp/swapped" });
    const parts: Uint8Array[] = [];
    for await (const bytes of bodyOf(answer)) {
      if (parts.length === 0) await capsule.sh(act);
      parts.push(bytes);
    }
    assert.ok(Buffer.concat(parts).equals(Buffer.from(old)), act);
  }
  await upload(capsule.id, "/tmp/swapped", old, "stream/write");
  const answer = await postJson(capsule.id, "stream/read", { path: "/tmp/swapped" });
  const parts: Uint8Array[] = [];
  for await (const bytes of bodyOf(answer)) {
    if (parts.length === 0) await upload(capsule.id, "/tmp/swapped", "new");
    parts.push(bytes);
  }
  assert.ok(Buffer.concat(parts).equals(Buffer.from(old)), "an upload");
  assert.equal((await download(capsule.id, "/tmp/swapped")).toString(), "new");
});

test("a file that is written in place while it is read breaks the connection, so that nobody takes a mix for a file", async () => {
  const size = 64 * MIB;
  for (const operation of ["read", "stream/read"]) {
    await capsule.sh(`rm -f /tmp/rewritten; truncate -s ${size} /tmp/rewritten`);
    const answer = await postJson(capsule.id, operation, { path: "/tmp/rewritten" });
    assert.equal(answer.headers.get("content-length"), String(size));
    let read = 0;
    const toTheEnd = async (): Promise<void> => {
      for await (const bytes of bodyOf(answer)) {
        if (read === 0) await capsule.sh("printf x | dd of=/tmp/rewritten bs=1 conv=notrunc 2> /dev/null");
        read += bytes.length;
      }
    };
    await assert.rejects(toTheEnd(), TypeError, "the body ends before its length");
    assert.ok(read < size);
    assert.equal((await download(capsule.id, "/tmp/rewritten")).length, size, "read again it is whole");
  }
  await capsule.sh("rm /tmp/rewritten");
});

test("an archive of a file that grows meanwhile is a whole one, with the length that the file had", async () => {
  await capsule.sh(`mkdir /tmp/growing && truncate -s ${32 * MIB} /tmp/growing/log`);
  const answer = await postJson(capsule.id, "archive/read", { path: "/tmp/growing" });
  const parts: Uint8Array[] = [];
  for await (const bytes of bodyOf(answer)) {
    if (parts.length === 0) await capsule.sh("echo more >> /tmp/growing/log");
    parts.push(bytes);
  }
  const listed = execFileSync("tar", ["-tvf", "-"], { input: Buffer.concat(parts), encoding: "utf8" });
  const bytes = Number(/ (\d+) [0-9-]+ [0-9:]+ log$/m.exec(listed)?.[1]);
  assert.ok(bytes === 32 * MIB || bytes === 32 * MIB + 5, listed);
});

/** Every operation on files, with a path in each place that it has one. */
const ASK: Readonly<Record<string, (path: string) => readonly (() => Promise<Response>)[]>> = {
  writeFile: (path) => [
    () => fileRequest(capsule.id, `write?${new URLSearchParams({ path }).toString()}`, { body: "x" }),
    () => fileRequest(capsule.id, "write", { body: formOf(path) }),
  ],
  streamWriteFile: (path) => [
    () => fileRequest(capsule.id, `stream/write?${new URLSearchParams({ path }).toString()}`, { body: "x" }),
    () => fileRequest(capsule.id, "stream/write", { body: formOf(path) }),
  ],
  readFile: (path) => [() => postJson(capsule.id, "read", { path })],
  streamReadFile: (path) => [() => postJson(capsule.id, "stream/read", { path })],
  downloadFile: (path) => [() => fileRequest(capsule.id, `read?${new URLSearchParams({ path }).toString()}`, { method: "GET" })],
  listFiles: (path) => [() => postJson(capsule.id, "list", { path })],
  statFile: (path) => [() => postJson(capsule.id, "stat", { path })],
  makeDirectory: (path) => [() => postJson(capsule.id, "mkdir", { path })],
  removeFile: (path) => [() => postJson(capsule.id, "remove", { path })],
  moveFile: (path) => [
    () => postJson(capsule.id, "move", { from: path, to: "/tmp/to" }),
    () => postJson(capsule.id, "move", { from: "/tmp/there", to: path }),
  ],
  copyFile: (path) => [
    () => postJson(capsule.id, "copy", { from: path, to: "/tmp/to" }),
    () => postJson(capsule.id, "copy", { from: "/tmp/there", to: path }),
  ],
  changeFileMode: (path) => [() => postJson(capsule.id, "chmod", { path, mode: "600" })],
  readArchive: (path) => [() => postJson(capsule.id, "archive/read", { path })],
  downloadArchive: (path) => [() => fileRequest(capsule.id, `archive/read?${new URLSearchParams({ path }).toString()}`, { method: "GET" })],
  writeArchive: (path) => [
    () => fileRequest(capsule.id, `archive/write?${new URLSearchParams({ path }).toString()}`, { body: new Uint8Array(1024) }),
  ],
  streamFileChanges: (path) => [
    () => fileRequest(capsule.id, `watch/events?${new URLSearchParams({ path }).toString()}`, { method: "GET" }),
  ],
};

function formOf(path: string): FormData {
  const form = new FormData();
  form.set("path", path);
  form.set("file", new Blob(["x"]));
  return form;
}

test("names with a NUL, too long ones and too long paths are refused by every operation, and nothing is made or gone", async () => {
  await upload(capsule.id, "/tmp/there", "here");
  const operations = OPERATION_LIST.filter(({ tag }) => tag === "Files").map(({ id }) => id);
  assert.deepEqual([...Object.keys(ASK), "watchFiles"].sort(), [...operations].sort(), "every operation is asked");
  const before = (await capsule.sh("find / -xdev | sort | sha256sum")).stdout;
  for (const path of ["/tmp/n\0ul", "\0", "/tmp/there\0", `/tmp/${"n".repeat(256)}`, `/${"x/".repeat(2048)}`, "x".repeat(4096), ""]) {
    for (const [operation, requests] of Object.entries(ASK)) {
      for (const request of requests(path)) {
        const message = await expectProblem(request(), "invalid_request").catch((error: unknown) =>
          assert.fail(`${operation} ${JSON.stringify(path).slice(0, 40)}: ${String(error)}`),
        );
        assert.ok(message.length < 1000, "it is told, not repeated");
      }
    }
    assert.equal((await refusedUpgrade(watchPath(capsule.id, path))).status, 400);
  }
  assert.equal((await capsule.sh("find / -xdev | sort | sha256sum")).stdout, before);
});

test("a path in a URL whose percent signs say no UTF-8 is refused, and no other file is made or read in its place", async () => {
  for (const [operation, method] of [
    ["write", "POST"],
    ["read", "GET"],
    ["archive/read", "GET"],
  ] as const) {
    const body = method === "POST" ? { body: "x" } : {};
    assert.match(
      await expectProblem(fileRequest(capsule.id, `${operation}?path=/tmp/utf%ff`, { method, ...body }), "invalid_request"),
      /^query: is not valid UTF-8/,
    );
  }
  assert.equal((await refusedUpgrade(`${watchPath(capsule.id, "/tmp")}%ff`)).status, 400);
  assert.equal((await capsule.sh("ls /tmp | grep -c ^utf || true")).stdout, "0\n");
});

test("a name with newlines, quotes and control characters goes through every operation", async () => {
  const dir = `/tmp/odd/${"a\nb\r\n\"'\\ \t\u001b[31m\u007f*?$(id)`id`"}`;
  const file = `${dir}/${"\n".repeat(3)}x\n`;
  const query = (path: string): string => new URLSearchParams({ path }).toString();
  const at = (body: unknown) => ({ params: { id: capsule.id }, body });
  assert.equal((await expectCall("makeDirectory", 200, at({ path: dir }))).entry.path, dir);
  await using bySocket = await watchBySocket(watchPath(capsule.id, dir));
  await using byEvents = await watchByEvents(watchPath(capsule.id, dir));
  for (const operation of ["write", "stream/write"])
    assert.equal((await fileRequest(capsule.id, `${operation}?${query(file)}`, { body: operation })).status, 204);
  for (const watch of [bySocket, byEvents]) await watch.changesTo("created", file);
  for (const answer of [
    await postJson(capsule.id, "read", { path: file }),
    await postJson(capsule.id, "stream/read", { path: file }),
    await fileRequest(capsule.id, `read?${query(file)}`, { method: "GET" }),
  ])
    assert.equal(await answer.text(), "stream/write");
  assert.deepEqual(
    (await expectCall("listFiles", 200, at({ path: dir }))).entries.map(({ path }) => path),
    [file],
  );
  assert.equal((await expectCall("statFile", 200, at({ path: file }))).entry.name, "\n\n\nx\n");
  assert.equal((await expectCall("changeFileMode", 200, at({ path: file, mode: "600" }))).entry.mode, 0o600);
  assert.equal((await expectCall("copyFile", 200, at({ from: file, to: `${dir}/copy\n` }))).entry.path, `${dir}/copy\n`);
  assert.equal((await expectCall("moveFile", 200, at({ from: `${dir}/copy\n`, to: `${dir}/moved\n` }))).entry.path, `${dir}/moved\n`);
  for (const watch of [bySocket, byEvents]) {
    const changes = await watch.changesTo("renamed", `${dir}/moved\n`);
    assert.equal(changes.at(-1), `renamed ${dir}/copy\n ${dir}/moved\n`);
  }
  const archive = Buffer.from(await (await postJson(capsule.id, "archive/read", { path: dir })).arrayBuffer());
  const byUrl = Buffer.from(await (await fileRequest(capsule.id, `archive/read?${query(dir)}`, { method: "GET" })).arrayBuffer());
  assert.ok(archive.equals(byUrl));
  const unpacked = await fileRequest(capsule.id, `archive/write?${query(`${dir}/un\npacked`)}`, { body: archive });
  assert.equal(unpacked.status, 200, await unpacked.text());
  assert.equal((await expectCall("statFile", 200, at({ path: `${dir}/un\npacked/\n\n\nx\n` }))).entry.mode, 0o600);
  await expectCall("removeFile", 204, at({ path: dir }));
  assert.equal((await capsule.sh("ls -A /tmp/odd")).stdout, "");
  for (const watch of [bySocket, byEvents]) assert.equal(await watch.reason(), "removed");
});

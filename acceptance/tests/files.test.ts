import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import { LIMITS } from "@capsuled/contract";
import { expectCall, expectError, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { download, expectProblem, fileRequest, postJson, upload } from "../harness/files.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const at = (body: unknown) => ({ params: { id: capsule.id }, body });
const stat = async (path: string) => (await expectCall("statFile", 200, at({ path }))).entry;
const names = async (path: string) => (await expectCall("listFiles", 200, at({ path }))).entries.map(({ name }) => name);

test("a file is written with the directories on its way, and read back byte by byte, by processes too", async () => {
  const bytes = randomBytes(300_000);
  await upload(capsule.id, "/workspace/a/b/c.bin", bytes);
  assert.equal(Buffer.compare(await download(capsule.id, "/workspace/a/b/c.bin"), bytes), 0);
  const sum = createHash("sha256").update(bytes).digest("hex");
  assert.equal((await capsule.sh("sha256sum < /workspace/a/b/c.bin")).stdout, `${sum}  -\n`);
  const { type, size, permissions, owner, group } = await stat("/workspace/a/b/c.bin");
  assert.deepEqual([type, size, permissions, owner, group], ["file", 300_000, "-rw-r--r--", "root", "root"]);
  await capsule.sh("printf 'by a process' > /workspace/a/said");
  assert.equal((await download(capsule.id, "/workspace/a/said")).toString(), "by a process");
});

test("paths are absolute, relative to /root, or begin with ~", async () => {
  for (const [path, where] of [
    ["relative/one", "/root/relative/one"],
    ["~/two", "/root/two"],
    ["/root/../root/three", "/root/three"],
  ] as const) {
    await upload(capsule.id, path, where);
    assert.equal((await capsule.sh(`cat ${where}`)).stdout, where);
    assert.equal((await download(capsule.id, path)).toString(), where);
  }
  assert.ok((await names("~")).includes("two"));
  for (const path of ["", undefined]) await expectError("readFile", "invalid_request", at({ path }));
});

test("writing over a file keeps its owner and mode, and writes through a link", async () => {
  await capsule.sh("echo old > /tmp/kept && chown 1000:1001 /tmp/kept && chmod 640 /tmp/kept && ln -s kept /tmp/way");
  await upload(capsule.id, "/tmp/way", "new");
  const { uid, gid, permissions, size } = await stat("/tmp/kept");
  assert.deepEqual([uid, gid, permissions, size], [1000, 1001, "-rw-r-----", 3]);
  assert.equal((await stat("/tmp/way")).symlink_target, "kept");
  const mode = await fileRequest(capsule.id, "write?path=/tmp/kept&mode=755", { body: "newer" });
  assert.equal(mode.status, 204);
  assert.equal((await stat("/tmp/kept")).permissions, "-rwxr-xr-x");
});

test("the parts of a form may come in any order, whatever the size of the file, and leave nothing else", async () => {
  for (const size of [10, 3 * 1024 * 1024]) {
    const bytes = randomBytes(size);
    const form = new FormData();
    form.set("file", new Blob([bytes]), "late");
    form.set("path", "/workspace/late");
    assert.equal((await fileRequest(capsule.id, "stream/write", { body: form })).status, 204);
    assert.equal(Buffer.compare(await download(capsule.id, "/workspace/late"), bytes), 0);
  }
  assert.equal((await capsule.sh("find / -xdev -name '.capsuled-*'")).stdout, "");
});

test("bare bytes are a file too, and exclusive ones replace nothing", async () => {
  const put = (query: string, body: string) => fileRequest(capsule.id, `write?path=/workspace/bare${query}`, { body });
  assert.equal((await put("&exclusive=true", "one")).status, 204);
  await expectProblem(put("&exclusive=true", "two"), "conflict");
  assert.equal((await download(capsule.id, "/workspace/bare")).toString(), "one");
});

test("a range of a file, its tag and its digest are told as HTTP has them", async () => {
  await upload(capsule.id, "/workspace/ten", "0123456789");
  const read = (headers: Record<string, string>) => postJson(capsule.id, "read", { path: "/workspace/ten" }, headers);
  const whole = await read({});
  const tag = whole.headers.get("etag") ?? "";
  const sha256 = `sha-256=:${createHash("sha256").update("0123456789").digest("base64")}:`;
  assert.deepEqual(
    ["content-length", "accept-ranges", "content-digest", "content-type"].map((name) => whole.headers.get(name)),
    ["10", "bytes", sha256, "application/octet-stream"],
  );
  for (const [range, text, told] of [
    ["bytes=2-4", "234", "bytes 2-4/10"],
    ["bytes=7-", "789", "bytes 7-9/10"],
    ["bytes=-2", "89", "bytes 8-9/10"],
    ["bytes=0-99", "0123456789", "bytes 0-9/10"],
    ["bytes=-99", "0123456789", "bytes 0-9/10"],
    ["Bytes=3-3", "3", "bytes 3-3/10"],
  ] as const) {
    const part = await read({ range, "if-range": tag });
    assert.deepEqual([part.status, await part.text(), part.headers.get("content-range")], [206, text, told]);
  }
  const beyond = await read({ range: "bytes=10-" });
  assert.equal(beyond.headers.get("content-range"), "bytes */10");
  await expectProblem(beyond, "range_not_satisfiable");
  assert.equal((await read({ range: "bytes=-0" })).status, 416);
  for (const range of ["bytes=0-1,3-4", "bytes=4-2", "lines=1-2"])
    assert.deepEqual(
      [(await read({ range })).status, await (await read({ range })).text()],
      [200, "0123456789"],
      `${range} is answered whole`,
    );
  for (const range of [{}, { range: "bytes=2-4" }, { range: "bytes=99-" }])
    assert.equal((await read({ "if-none-match": tag, ...range })).status, 304, "who has the file is told that, whichever part he asks for");
  await upload(capsule.id, "/workspace/ten", "abcdefghij");
  const changed = await read({ range: "bytes=2-4", "if-range": tag });
  assert.deepEqual([changed.status, await changed.text()], [200, "abcdefghij"]);
  const byUrl = await fileRequest(capsule.id, "read?path=/workspace/ten", { method: "GET", headers: { range: "bytes=0-0" } });
  assert.deepEqual([byUrl.status, await byUrl.text()], [206, "a"]);
});

test("what is missing, in the way or of the wrong kind is told by its code", async () => {
  await capsule.sh("mkdir -p /tmp/dir && echo x > /tmp/file && mkfifo /tmp/fifo");
  await expectError("readFile", "not_found", at({ path: "/tmp/none" }));
  await expectError("streamReadFile", "not_found", at({ path: "/tmp/none" }));
  await expectError("readFile", "invalid_request", at({ path: "/tmp/dir" }));
  await expectError("readFile", "invalid_request", at({ path: "/tmp/fifo" }));
  await expectError("statFile", "not_found", at({ path: "/tmp/none" }));
  await expectError("listFiles", "not_found", at({ path: "/tmp/none" }));
  await expectError("listFiles", "invalid_request", at({ path: "/tmp/file" }));
  await expectError("removeFile", "not_found", at({ path: "/tmp/none" }));
  await expectError("makeDirectory", "conflict", at({ path: "/tmp/dir" }));
  await expectError("makeDirectory", "invalid_request", at({ path: "/tmp/file" }));
  await expectError("makeDirectory", "invalid_request", at({ path: "/tmp/file/below" }));
  const write = (path: string) => fileRequest(capsule.id, `write?path=${path}`, { body: "x" });
  await expectProblem(write("/tmp/dir"), "invalid_request");
  await expectProblem(write("/tmp/file/below"), "invalid_request");
  await expectProblem(write("/tmp/fifo"), "invalid_request");
  await expectProblem(write("/proc/version"), "forbidden");
});

test("directories are made, listed in order, in depth and page by page, and removed with all that is in them", async () => {
  const made = await expectCall("makeDirectory", 200, at({ path: "/tmp/tree/deep/er" }));
  assert.deepEqual([made.entry.type, made.entry.path], ["directory", "/tmp/tree/deep/er"]);
  await capsule.sh("cd /tmp/tree && touch b a deep/c && ln -s nowhere dangling && mkfifo pipe && ln -s deep link");
  const list = async (body: object) => expectCall("listFiles", 200, at({ path: "/tmp/tree", ...body }));
  const flat = (await list({})).entries.map(({ name, type, special, target_type: target }) => [name, type, special ?? target]);
  assert.deepEqual(flat, [
    ["a", "file", undefined],
    ["b", "file", undefined],
    ["dangling", "symlink", null],
    ["deep", "directory", undefined],
    ["link", "symlink", "directory"],
    ["pipe", "file", "fifo"],
  ]);
  const all = (await list({ depth: 9 })).entries.map(({ path }) => path);
  assert.deepEqual(all.slice(3, 6), ["/tmp/tree/deep", "/tmp/tree/deep/c", "/tmp/tree/deep/er"]);
  const paged: string[] = [];
  for (let cursor: string | null | undefined; cursor !== null;) {
    const page = await list({ depth: 9, limit: 3, ...(cursor === undefined ? {} : { cursor }) });
    paged.push(...page.entries.map(({ path }) => path));
    cursor = page.next_cursor;
  }
  assert.deepEqual(paged, all);
  await expectError("listFiles", "invalid_request", at({ path: "/tmp/tree", cursor: "nonsense" }));
  await expectError("removeFile", "conflict", at({ path: "/tmp/tree", recursive: false }));
  await expectCall("removeFile", 204, at({ path: "/tmp/tree/link" }));
  assert.ok((await names("/tmp/tree")).includes("deep"), "a link is removed, not what it leads to");
  await expectCall("removeFile", 204, at({ path: "/tmp/tree" }));
  await expectError("statFile", "not_found", at({ path: "/tmp/tree" }));
});

test("a directory of more entries than one page of the agent's is listed whole, up to the most of one answer; the rest is on the next", async () => {
  const max = LIMITS.fileListLimitMax;
  await capsule.sh(`mkdir /tmp/many && cd /tmp/many && seq -f 'a-rather-long-name-of-a-file-%06g' 1 ${max} | xargs touch`);
  const list = (body: object) => expectCall("listFiles", 200, at({ path: "/tmp/many", ...body }));
  const expected = Array.from({ length: max }, (_, n) => `a-rather-long-name-of-a-file-${String(n + 1).padStart(6, "0")}`);
  for (const body of [{}, { limit: max }]) {
    const { entries, next_cursor: next } = await list(body);
    assert.deepEqual([entries.map(({ name }) => name), next], [expected, null]);
  }
  await capsule.sh("touch /tmp/many/b");
  const first = await list({});
  assert.deepEqual([first.entries.length, typeof first.next_cursor], [max, "string"]);
  const second = await list({ cursor: first.next_cursor });
  assert.deepEqual([second.entries.map(({ name }) => name), second.next_cursor], [["b"], null]);
  for (const limit of [max + 1, 0]) {
    const { details } = await expectError("listFiles", "invalid_request", at({ path: "/tmp/many", limit }));
    assert.equal(property(details, "field"), "limit");
  }
});

test("a list goes down as many levels as it may and no further, and more is a 400 that names the field", async () => {
  const max = LIMITS.fileListDepthMax;
  const levels = Array.from({ length: max + 4 }, (_, n) => `l${n + 1}`);
  await capsule.sh(`mkdir -p /tmp/levels/${levels.join("/")}`);
  const { entries } = await expectCall("listFiles", 200, at({ path: "/tmp/levels", depth: max }));
  assert.deepEqual(
    entries.map(({ name }) => name),
    levels.slice(0, max),
  );
  const { details } = await expectError("listFiles", "invalid_request", at({ path: "/tmp/levels", depth: max + 1 }));
  assert.equal(property(details, "field"), "depth");
  const below = await expectCall("listFiles", 200, at({ path: `/tmp/levels/${levels.slice(0, max).join("/")}`, depth: max }));
  assert.deepEqual(
    below.entries.map(({ name }) => name),
    levels.slice(max),
    "what lies deeper is listed from there",
  );
});

test("names may be anything that a name can be", async () => {
  for (const name of ["line\nbreak", " ", "-rf", 'q"uo\\te', "ünïcode", "n".repeat(255)]) {
    const path = encodeURIComponent(`/tmp/names/${name}`); // a form turns a line's end into two characters
    assert.equal((await fileRequest(capsule.id, `write?path=${path}`, { body: name })).status, 204);
    assert.equal((await download(capsule.id, `/tmp/names/${name}`)).toString(), name);
  }
  await capsule.python("open(b'/tmp/names/\\xff\\xfe','w').write('raw')");
  const { entries } = await expectCall("listFiles", 200, at({ path: "/tmp/names" }));
  const raw = entries.find((entry) => entry.path_base64 !== undefined);
  assert.ok(raw?.path_base64 !== undefined && entries.length === 7);
  const answer = await postJson(capsule.id, "read", { path_base64: raw.path_base64 });
  assert.equal(await answer.text(), "raw");
  for (const path of ["/tmp/n\0ul", `/tmp/${"n".repeat(256)}`, `/${"n/".repeat(2047)}${"m".repeat(10)}`, "x".repeat(4096)]) {
    await expectError("statFile", "invalid_request", at({ path }));
    const form = new FormData();
    form.set("path", path);
    form.set("file", new Blob(["x"]));
    await expectProblem(fileRequest(capsule.id, "write", { body: form }), "invalid_request");
  }
});

test("no path and no link leads to the host", async () => {
  const canary = `/tmp/capsuled-canary-${randomBytes(6).toString("hex")}`;
  await capsule.sh(`ln -s /proc/1/root /tmp/root; ln -s ../../../../../.. /tmp/up; ln -s loop /tmp/loop; ln -s /proc/self/exe /tmp/exe`);
  const host = await expectCall("statFile", 200, at({ path: "/tmp/up/../../../../etc/passwd" }));
  assert.equal(host.entry.size, Number((await capsule.sh("stat -c %s /etc/passwd")).stdout), "the capsule's own");
  for (const path of ["/tmp/loop/x", "/tmp/exe", "/proc/self/fd/0", "/proc/self/root/etc/passwd"])
    await expectError("readFile", "invalid_request", at({ path }));
  for (const path of ["/tmp/root/etc/passwd", "/proc/1/root/etc/passwd"]) await expectError("readFile", "forbidden", at({ path }));
  await upload(capsule.id, `/tmp/up${canary}`, "inside");
  assert.equal((await download(capsule.id, canary)).toString(), "inside");
  await assert.rejects(
    import("node:fs/promises").then(({ stat: onHost }) => onHost(canary)),
    { code: "ENOENT" },
  );
});

test("a capsule that is paused answers invalid_state, and one that does not exist not_found", async () => {
  await using other = await newCapsule();
  await other.pause();
  await expectError("listFiles", "invalid_state", { params: { id: other.id }, body: { path: "/" } });
  await expectProblem(fileRequest(other.id, "write?path=x", { body: "x" }), "invalid_state");
  await other.resume();
  await upload(other.id, "x", "x");
});

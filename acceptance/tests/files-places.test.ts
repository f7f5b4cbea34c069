import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { download, upload } from "../harness/files.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const at = (body: unknown, headers: Readonly<Record<string, string>> = {}) => ({ params: { id: capsule.id }, body, headers });
const move = async (from: string, to: string, more: object = {}) => (await expectCall("moveFile", 200, at({ from, to, ...more }))).entry;
const copy = (from: string, to: string, more: object = {}) => expectCall("copyFile", 200, at({ from, to, ...more }));
/** Names, kinds, modes, owners, sizes and link targets of a tree, as another program sees them. */
const facts = async (path: string): Promise<string> =>
  (
    await capsule.sh(
      `cd ${path} && find . -mindepth 1 -printf '%P %y %m %U:%G %l ' '(' -type f -printf '%s\\n' -o -printf '\\n' ')' | sort`,
    )
  ).stdout;

test("a move gives a file, a link or a directory another place with all that it is", async () => {
  await capsule.sh("mkdir -p /tmp/m/tree/deep && echo b > /tmp/m/tree/deep/b && chmod 640 /tmp/m/tree/deep/b && ln -s tree /tmp/m/link");
  const before = await facts("/tmp/m/tree");
  const entry = await move("/tmp/m/tree", "/tmp/m/made/on/the/way");
  assert.deepEqual([entry.path, entry.type], ["/tmp/m/made/on/the/way", "directory"]);
  assert.equal(await facts("/tmp/m/made/on/the/way"), before);
  await expectError("statFile", "not_found", at({ path: "/tmp/m/tree" }));
  assert.equal((await move("/tmp/m/link", "/tmp/m/other")).symlink_target, "tree", "the link itself");
});

test("a directory of the template, and one on another file system, are moved too", async () => {
  await capsule.sh("mkdir -p /dev/shm/there/deep && echo shm > /dev/shm/there/deep/f && cp -a /etc/apt /root/apt-before");
  await move("/dev/shm/there", "/root/here");
  assert.equal((await download(capsule.id, "/root/here/deep/f")).toString(), "shm\n");
  const before = await facts("/etc/apt");
  await move("/etc/apt", "/root/apt");
  assert.equal(await facts("/root/apt"), before);
  assert.equal((await capsule.sh("ls -d /etc/apt /dev/shm/there 2>/dev/null")).stdout, "");
});

test("a copy has modes, owners, links and holes of its original, and leaves that alone", async () => {
  await capsule.sh(`mkdir -p /tmp/c/tree/sub && cd /tmp/c/tree && echo text > sub/f && chmod 4755 sub/f && chown 12:34 sub/f
    ln -s sub/f link && ln -s /nowhere dangling && truncate -s 1G sparse && echo end >> sparse && mkfifo fifo`);
  const before = await facts("/tmp/c/tree");
  const copied = await copy("/tmp/c/tree", "/tmp/c/made/copy");
  assert.deepEqual([copied.entry.path, copied.entries, copied.skipped], ["/tmp/c/made/copy", 7, 0]);
  assert.equal(await facts("/tmp/c/made/copy"), before);
  assert.equal(await facts("/tmp/c/tree"), before);
  assert.ok(Number((await capsule.sh("du -k /tmp/c/made/copy/sparse | cut -f1")).stdout) < 10_000, "holes stay holes");
  await capsule.sh("echo changed > /tmp/c/tree/sub/f");
  assert.equal((await download(capsule.id, "/tmp/c/made/copy/sub/f")).toString(), "text\n");
});

test("what is there is replaced only when that is asked for, and a directory with something in it never", async () => {
  await upload(capsule.id, "/tmp/o/a", "a");
  await upload(capsule.id, "/tmp/o/b", "b");
  await upload(capsule.id, "/tmp/o/dir/x", "x");
  for (const operation of ["moveFile", "copyFile"] as const) {
    const { details } = await expectError(operation, "conflict", at({ from: "/tmp/o/a", to: "/tmp/o/b" }));
    assert.equal(Reflect.get(Object(details), "field"), "to");
    await expectError(operation, "conflict", at({ from: "/tmp/o/dir", to: "/tmp/o/b" }));
  }
  await copy("/tmp/o/a", "/tmp/o/b", { overwrite: true });
  assert.equal((await download(capsule.id, "/tmp/o/b")).toString(), "a");
  await expectError("moveFile", "invalid_request", at({ from: "/tmp/o/a", to: "/tmp/o/dir", overwrite: true }));
  await capsule.sh("mkdir /tmp/o/empty /tmp/o/full && touch /tmp/o/full/x");
  await expectError("moveFile", "conflict", at({ from: "/tmp/o/dir", to: "/tmp/o/full", overwrite: true }));
  await move("/tmp/o/dir", "/tmp/o/empty", { overwrite: true });
  assert.equal((await download(capsule.id, "/tmp/o/empty/x")).toString(), "x");
});

test("what cannot be moved or copied is told with the path at fault, and leaves nothing", async () => {
  await capsule.sh("mkdir -p /tmp/w/dir && echo x > /tmp/w/file && ln -s loop /tmp/w/loop");
  const cases = [
    ["/tmp/w/none", "/tmp/w/made/x", "not_found", "from"],
    ["/tmp/w/file", "/tmp/w/file/below", "invalid_request", "to"],
    ["/tmp/w/dir", "/tmp/w/dir/in", "invalid_request", "to"],
    ["/tmp/w/file", `/tmp/w/${"n".repeat(256)}`, "invalid_request", "to"],
    ["/tmp/w/loop/x", "/tmp/w/y", "invalid_request", "from"],
    ["/", "/tmp/w/root", "invalid_request", "from"],
    ["", "/tmp/w/x", "invalid_request", "from"],
    ["/tmp/w/file", "", "invalid_request", "to"],
  ] as const;
  for (const [from, to, code, field] of cases) {
    const { details } = await expectError("moveFile", code, at({ from, to }));
    assert.equal(Reflect.get(Object(details), "field"), field, `${from} to ${to}`);
  }
  await expectError("moveFile", "forbidden", at({ from: "/tmp/w/file", to: "/proc/x" }));
  await expectError("moveFile", "not_found", at({ from: "/tmp/w/file", to: "/tmp/w/no/x", create_parents: false }));
  const dir = await expectError("copyFile", "invalid_request", at({ from: "/tmp/w/dir", to: "/tmp/w/x", recursive: false }));
  assert.equal(Reflect.get(Object(dir.details), "field"), "from");
  assert.equal((await capsule.sh("ls -A /tmp/w")).stdout, "dir\nfile\nloop\n");
});

test("a copy that the disk has no room for leaves nothing", async () => {
  await using small = await newCapsule({ disk_mb: 64 });
  await small.sh("mkdir /dev/shm/t && head -c 40M /dev/urandom > /dev/shm/t/a && head -c 40M /dev/urandom > /dev/shm/t/b");
  await expectError("copyFile", "disk_full", { params: { id: small.id }, body: { from: "/dev/shm/t", to: "/root/new/t" } });
  assert.equal((await small.sh("ls -A /root/new 2>&1; ls /dev/shm/t")).stdout.replace(/.*No such.*\n/, ""), "a\nb\n");
});

test("permissions and owners change for one, for a tree, and for nothing that a link in it leads to", async () => {
  await capsule.sh("mkdir -p /tmp/p/tree/sub && touch /tmp/p/tree/sub/f /tmp/p/outside && ln -s ../outside /tmp/p/tree/link");
  const change = (body: object) => expectCall("changeFileMode", 200, at(body));
  const one = await change({ path: "/tmp/p/tree/sub/f", mode: "4751", uid: 65_535, gid: 7 });
  assert.deepEqual([one.changed, one.entry.permissions, one.entry.uid, one.entry.gid], [1, "-rwsr-x--x", 65_535, 7]);
  assert.equal((await capsule.sh("stat -c '%a %u %g' /tmp/p/tree/sub/f")).stdout, "4751 65535 7\n");
  assert.equal((await change({ path: "/tmp/p/tree", mode: "700", uid: 3, recursive: true })).changed, 4);
  assert.equal((await capsule.sh("stat -c '%a %u' /tmp/p/tree/sub/f /tmp/p/outside")).stdout, "700 3\n644 0\n");
  await change({ path: "/tmp/p/tree/link", mode: "600" });
  assert.equal((await capsule.sh("stat -c %a /tmp/p/outside")).stdout, "600\n", "a link that is named is followed");
  for (const [body, field] of [
    [{ mode: "888" }, "mode"],
    [{ mode: 755 }, "mode"],
    [{}, "mode"],
    [{ uid: 65_536 }, "uid"],
    [{ gid: -1 }, "gid"],
  ] as const) {
    const { details } = await expectError("changeFileMode", "invalid_request", at({ path: "/tmp/p/tree", ...body }));
    assert.equal(Reflect.get(Object(details), "field"), field);
  }
  await expectError("changeFileMode", "not_found", at({ path: "/tmp/p/none", mode: "600" }));
  await expectError("changeFileMode", "forbidden", at({ path: "/proc/version", mode: "600" }));
});

test("a move is done once by its key, however often it is asked for", async () => {
  await upload(capsule.id, "/tmp/once/a", "a");
  const ask = () => expectCall("moveFile", 200, at({ from: "/tmp/once/a", to: "/tmp/once/b" }, { "idempotency-key": "once" }));
  assert.deepEqual(await ask(), await ask());
  await expectError("moveFile", "not_found", at({ from: "/tmp/once/a", to: "/tmp/once/b" }));
});

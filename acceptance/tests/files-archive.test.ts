import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { archiveAnswer } from "@capsuled/contract";
import { expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { expectProblem, fileRequest, postJson } from "../harness/files.ts";
import { readState } from "../harness/state.ts";
import { paxOf, tarOf } from "../harness/tar.ts";

let capsule: TestCapsule;
let dir: string;
before(async () => {
  capsule = await newCapsule({ disk_mb: 256 });
  dir = mkdtempSync(join(tmpdir(), "capsuled-archive-"));
});
after(async () => {
  await capsule[Symbol.asyncDispose]();
  rmSync(dir, { recursive: true, force: true });
});

const FACTS = "find . -mindepth 1 -printf '%P %y %m %U:%G %T@ %l ' '(' -type f -printf '%s\\n' -o -printf '\\n' ')' | sort";
const read = (path: string): Promise<Response> => postJson(capsule.id, "archive/read", { path });
const write = (path: string, body: Uint8Array<ArrayBuffer>, query = ""): Promise<Response> =>
  fileRequest(capsule.id, `archive/write?path=${encodeURIComponent(path)}${query}`, { body });
const tar = (...args: string[]): Buffer<ArrayBuffer> => Buffer.from(execFileSync("tar", args, { cwd: dir, maxBuffer: 256 * 1024 * 1024 }));
async function bytesOf(response: Response): Promise<Buffer<ArrayBuffer>> {
  assert.equal(response.status, 200);
  return Buffer.from(await response.arrayBuffer());
}

test("a directory comes out as a tar that other programs read, and goes in elsewhere with all its facts", async () => {
  await capsule.sh(`mkdir -p /tmp/a/tree/deep && cd /tmp/a/tree && head -c 3M /dev/urandom > deep/big && echo x > ünï && chmod 4755 deep/big
    chown 12:34 deep && ln -s deep/big link && ln -s /nowhere dangling && : > empty && touch -d @1234567890 deep ünï
    mkdir -p "deep/$(printf 'n%.0s' $(seq 200))/$(printf 'm%.0s' $(seq 200))" && mkfifo fifo`);
  const answer = await read("/tmp/a/tree");
  assert.equal(answer.headers.get("content-type"), "application/x-tar");
  const archive = await bytesOf(answer);
  writeFileSync(join(dir, "tree.tar"), archive);
  const names = execFileSync("tar", ["-tf", join(dir, "tree.tar")], {
    encoding: "utf8",
    env: { LC_ALL: "C.UTF-8", PATH: process.env["PATH"] },
  });
  assert.deepEqual(
    names
      .split("\n")
      .filter((name) => name.length > 0 && name.length < 20)
      .sort(),
    ["dangling", "deep/", "deep/big", "empty", "link", "ünï"].sort(),
  );
  const written = archiveAnswer.parse(JSON.parse((await bytesOf(await write("/tmp/a/made/on/the/way", archive))).toString()));
  assert.deepEqual(written, { entries: 8, bytes: 3 * 1024 * 1024 + 2 });
  await capsule.sh("rm /tmp/a/tree/fifo");
  const facts = async (path: string): Promise<string> =>
    (await capsule.sh(`cd ${path} && ${FACTS}`)).stdout.replaceAll(/(\d{10})\.\d+/g, "$1");
  assert.equal(await facts("/tmp/a/made/on/the/way"), await facts("/tmp/a/tree"));
  assert.equal((await capsule.sh("cmp /tmp/a/tree/deep/big /tmp/a/made/on/the/way/deep/big && echo same")).stdout, "same\n");
  const one = await bytesOf(await read("/tmp/a/tree/empty"));
  writeFileSync(join(dir, "one.tar"), one);
  assert.equal(tar("-tf", "one.tar").toString(), "empty\n");
});

test("archives of tar in its formats are unpacked, with the owners that are asked for", async () => {
  const long = `${"d".repeat(90)}/${"l".repeat(90)}`;
  mkdirSync(join(dir, "src/sub", "d".repeat(90)), { recursive: true });
  writeFileSync(join(dir, "src/sub", long), "long");
  writeFileSync(join(dir, "src/file"), "file");
  symlinkSync("sub", join(dir, "src/link"));
  for (const format of ["ustar", "pax", "gnu"]) {
    const archive = tar("--format", format, "--owner=5", "--group=6", "-c", "-C", "src", ".");
    assert.equal((await write(`/tmp/f/${format}`, archive)).status, 200);
    assert.equal((await capsule.sh(`cat /tmp/f/${format}/link/${long}; stat -c ' %u %g' /tmp/f/${format}/file`)).stdout, "long 5 6\n");
  }
  assert.equal((await write("/tmp/f/owned", tar("-c", "-C", "src", "."), "&uid=70&gid=80")).status, 200);
  assert.equal((await capsule.sh("stat -c '%u %g' /tmp/f/owned/file")).stdout, "70 80\n");
  await expectProblem(write("/tmp/f/x", tar("-c", "src"), "&uid=65536"), "invalid_request");
});

test("members that leave the directory are refused by their names, and nothing is outside it", async () => {
  writeFileSync(join(dir, "evil"), "evil");
  mkdirSync(join(dir, "way"), { recursive: true });
  writeFileSync(join(dir, "way/evil"), "evil");
  symlinkSync("/tmp/e/outside", join(dir, "out"));
  await capsule.sh("mkdir -p /tmp/e/outside /tmp/e/in && ln -s /tmp/e/outside /tmp/e/in/way");
  const cases = [
    tar("-P", "--transform", "s|^|../|", "-c", "evil"),
    tar("-P", "--transform", "s|^|/tmp/e/outside/|", "-c", "evil"),
    tar("-c", "way/evil"),
    tar("-P", "-c", "out", "--transform", "s|^way/|out/|;s|^evil$|out/evil|", "evil"),
  ];
  for (const archive of cases) {
    const message = await expectProblem(write("/tmp/e/in", archive), "invalid_request");
    assert.match(message, /^archive: .*(evil|out)/);
  }
  assert.match(await expectProblem(write("/tmp/e/in", new Uint8Array(0)), "invalid_request"), /^archive: .*[a-z]$/, "no member to name");
  assert.equal((await capsule.sh("ls -A /tmp/e/outside; ls /tmp/e")).stdout, "in\noutside\n");
});

test("a member that cannot be what it says is refused by its name, in words that say what to do", async () => {
  const refusal = async (archive: Uint8Array): Promise<string> =>
    expectProblem(write("/tmp/w", Uint8Array.from(archive)), "invalid_request");
  for (const owner of [{ uid: 65_536 }, { gid: 70_000 }, { uid: 0o7777777 }])
    assert.match(
      await refusal(tarOf([{ name: "theirs", ...owner }])),
      /^archive: an owner beyond 65535, whom uid and gid can replace: theirs$/,
    );
  const huge = tarOf([{ name: "x", type: "x", content: paxOf({ uid: "4294967295" }) }, { name: "theirs" }]);
  assert.match(await refusal(huge), /^archive: an owner beyond 65535/, "one that means `the same` to the kernel");
  assert.equal((await write("/tmp/w/mine", Uint8Array.from(huge), "&uid=7&gid=8")).status, 200);
  assert.equal((await capsule.sh("stat -c '%u %g' /tmp/w/mine/theirs")).stdout, "7 8\n");
  assert.match(await refusal(tarOf([{ name: "second", type: "1", link: "first" }])), /^archive: a hard link to what is not there: second$/);
  assert.match(await refusal(gzipSync(tarOf([{ name: "a" }]))), /^archive: the archive is compressed with gzip; send it unpacked$/);
  writeFileSync(join(dir, "holes"), "x");
  truncateSync(join(dir, "holes"), 10 * 1024 * 1024);
  for (const format of ["gnu", "pax"])
    assert.match(await refusal(tar("-S", "--format", format, "-c", "holes")), /^archive: .*sparse file.*holes$/, format);
});

test("what is no archive, cut anywhere, or has devices is refused", async () => {
  const whole = tar("-c", "src/file");
  for (const length of [0, 1, 511, 512, 515, 1024, 1500])
    await expectProblem(write("/tmp/c", whole.subarray(0, length)), "invalid_request");
  await expectProblem(write("/tmp/c", Buffer.alloc(2048, "junk")), "invalid_request");
  execFileSync("mkfifo", [join(dir, "pipe")]);
  assert.match(await expectProblem(write("/tmp/c", tar("-c", "pipe")), "invalid_request"), /pipe/);
  await capsule.sh("echo x > /tmp/file");
  await expectProblem(write("/tmp/file", whole), "invalid_request");
  await expectError("readArchive", "not_found", { params: { id: capsule.id }, body: { path: "/tmp/none" } });
  await expectError("readArchive", "invalid_request", { params: { id: capsule.id }, body: { path: "/dev/null" } });
});

test("an archive that the disk has no room for is disk_full, and its files are whole or not there", async () => {
  await using small = await newCapsule({ disk_mb: 64 });
  for (const name of ["one", "two", "three"]) writeFileSync(join(dir, name), Buffer.alloc(30 * 1024 * 1024, name));
  await expectProblem(fileRequest(small.id, "archive/write?path=/root/in", { body: tar("-c", "one", "two", "three") }), "disk_full");
  const { stdout } = await small.sh("cd /root/in && stat -c '%n %s' *");
  for (const line of stdout.trim().split("\n")) assert.match(line, /^(one|two) 31457280$/);
});

test("an archive by its URL tells clients that take trailers what was left out", async () => {
  await capsule.sh("mkdir /tmp/t && cd /tmp/t && mkfifo pipe && touch a b");
  const { url, adminKey } = readState();
  const trailers = await new Promise<NodeJS.Dict<string>>((resolve, reject) => {
    const asking = request(`${url}/v1/capsules/${capsule.id}/files/archive/read?path=/tmp/t`, {
      headers: { "x-api-key": adminKey, te: "trailers" },
    });
    asking.on("response", (answer) => answer.resume().on("end", () => resolve(answer.trailers)));
    asking.on("error", reject).end();
  });
  assert.deepEqual({ ...trailers }, { "x-archive-entries": "2", "x-archive-skipped": "1" });
});

test("an archive of a file that shrinks meanwhile is broken off", async () => {
  await capsule.sh("mkdir /tmp/s && head -c 100M /dev/zero > /tmp/s/shrinks");
  const answer = await read("/tmp/s");
  const reader = answer.body?.getReader();
  assert.ok(reader !== undefined);
  await reader.read();
  await capsule.sh(": > /tmp/s/shrinks");
  await assert.rejects(async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read());
  });
});

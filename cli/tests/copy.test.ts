import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { requireBytes } from "../src/copy/copy.ts";
import { leadsOut, nothingCopied } from "../src/copy/copied.ts";
import { pack } from "../src/copy/pack.ts";
import { ArchiveError, readTar } from "../src/copy/read-tar.ts";
import { headerOf, paddingOf } from "../src/copy/tar-format.ts";
import { unpack } from "../src/copy/unpack.ts";
import { placeOf } from "../src/place.ts";
import { progressText } from "../src/progress.ts";

function inDirectory(run: (dir: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const dir = mkdtempSync(join(tmpdir(), "capsuled-copy-"));
    try {
      await run(dir);
    } finally {
      rmSync(dir, { recursive: true });
    }
  };
}

async function bytesOf(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of source) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** The same bytes in pieces of a size. */
async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array, void, undefined> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

type Entry = { readonly path: string; readonly type?: "file" | "directory" | "symlink"; readonly content?: string; readonly link?: string };

function archiveOf(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(({ path, type = "file", content = "", link = "" }) => {
    const bytes = Buffer.from(content);
    const head = { path: Buffer.from(path), type, mode: 0o755, size: bytes.length, mtime: 0, link: Buffer.from(link) };
    return [headerOf(head), bytes, Buffer.alloc(paddingOf(bytes.length))];
  });
  return Buffer.concat([...parts, Buffer.alloc(1024)]);
}

test(
  "a directory is packed as tar reads it, and unpacked as it was: links, names that are no text, long names, files of several names",
  inDirectory(async (dir) => {
    const from = join(dir, "from");
    const long = "d".repeat(120);
    mkdirSync(join(from, long), { recursive: true });
    writeFileSync(join(from, long, "f".repeat(200)), "long");
    writeFileSync(join(from, "empty"), "");
    writeFileSync(join(from, "run.sh"), "x".repeat(100_000), { mode: 0o755 });
    linkSync(join(from, "run.sh"), join(from, "same"));
    symlinkSync("/etc/passwd", join(from, "outside"));
    symlinkSync(`../${"l".repeat(150)}`, join(from, "dangling"));
    writeFileSync(Buffer.concat([Buffer.from(`${from}/`), Buffer.from([0xff, 0x41])]), "bytes");
    execFileSync("mkfifo", [join(from, "fifo")]);
    const copied = nothingCopied();
    const archive = await bytesOf(pack(Buffer.from(from), copied));
    assert.deepEqual([copied.files, copied.links, copied.special], [5, 2, 1]);
    const listed = spawnSync("tar", ["-tf", "-"], { input: archive, encoding: "utf8" });
    assert.deepEqual([listed.status, listed.stderr], [0, ""]);
    assert.deepEqual(
      listed.stdout.trim().split("\n").sort(),
      ["\\377A", "dangling", "empty", long, `${long}/${"f".repeat(200)}`, "outside", "run.sh", "same"].sort(),
    );
    for (const size of [1, 511, 100_000_000]) {
      const target = join(dir, `to-${size}`);
      const back = nothingCopied();
      await unpack(inPieces(archive, size), Buffer.from(target), back);
      assert.deepEqual([back.files, back.links, back.outward, back.bytes], [5, 2, 2, copied.bytes]);
      assert.equal(readFileSync(join(target, long, "f".repeat(200)), "utf8"), "long");
      assert.equal(readlinkSync(join(target, "outside")), "/etc/passwd");
      assert.equal(readlinkSync(join(target, "dangling")), `../${"l".repeat(150)}`);
      assert.equal(lstatSync(join(target, "run.sh")).mode & 0o777, 0o755);
      assert.ok(lstatSync(join(target, "same")).isFile());
      assert.ok(readdirSync(target, { encoding: "buffer" }).some((name) => name.equals(Buffer.from([0xff, 0x41]))));
    }
  }),
);

test(
  "nothing is written outside of the target: not by a name, not through a link of the archive, not through one that is here",
  inDirectory(async (dir) => {
    const outside = join(dir, "outside");
    mkdirSync(outside);
    writeFileSync(join(outside, "kept"), "kept");
    const target = join(dir, "target");
    const refused: readonly (readonly Entry[])[] = [
      [{ path: "../outside/kept", content: "x" }],
      [{ path: "a/../../outside/kept", content: "x" }],
      [{ path: "/etc/capsuled-test", content: "x" }],
      [{ path: "a//b", content: "x" }],
      [
        { path: "link", type: "symlink", link: "../outside" },
        { path: "link/kept", content: "x" },
      ],
      [
        { path: "link", type: "symlink", link: outside },
        { path: "link", type: "directory" },
      ],
      [
        { path: "deep", type: "directory" },
        { path: "deep", type: "symlink", link: outside },
      ],
      [{ path: "here/kept", content: "x" }],
      [{ path: "here", type: "directory" }],
    ];
    for (const entries of refused) {
      rmSync(target, { recursive: true, force: true });
      mkdirSync(target);
      symlinkSync(outside, join(target, "here"));
      await assert.rejects(
        unpack(inPieces(archiveOf(entries), 4096), Buffer.from(target), nothingCopied()),
        ArchiveError,
        JSON.stringify(entries),
      );
      assert.deepEqual([readdirSync(outside), readFileSync(join(outside, "kept"), "utf8")], [["kept"], "kept"]);
    }
    // A link where a file is to be is taken away, as it is when it came with the archive.
    const replaced: readonly (readonly Entry[])[] = [
      [{ path: "here", content: "own" }],
      [
        { path: "here", type: "symlink", link: "../outside/kept" },
        { path: "here", content: "own" },
      ],
    ];
    for (const entries of replaced) {
      rmSync(target, { recursive: true, force: true });
      mkdirSync(target);
      symlinkSync(join(outside, "kept"), join(target, "here"));
      await unpack(inPieces(archiveOf(entries), 4096), Buffer.from(target), nothingCopied());
      assert.ok(lstatSync(join(target, "here")).isFile());
      assert.deepEqual([readFileSync(join(target, "here"), "utf8"), readFileSync(join(outside, "kept"), "utf8")], ["own", "kept"]);
    }
  }),
);

test("an archive that is cut anywhere, or damaged, is never taken for a whole one", async () => {
  const archive = archiveOf([
    { path: "a".repeat(150), content: "hello" },
    { path: "b", type: "directory" },
    { path: "b/c", content: "more" },
  ]);
  const read = async (bytes: Buffer): Promise<number> => {
    let count = 0;
    for await (const { content } of readTar(inPieces(bytes, 700))) {
      await bytesOf(content);
      count += 1;
    }
    return count;
  };
  assert.equal(await read(archive), 3);
  for (let length = 0; length < archive.length - 512; length += 97)
    await assert.rejects(read(archive.subarray(0, length)), ArchiveError, `${length}`);
  for (const at of [0, 1600, 2600]) {
    const damaged = Buffer.from(archive);
    damaged[at] = (damaged[at] ?? 0) ^ 0xff;
    await read(damaged).then(
      (count) => assert.equal(count, 3),
      (error: unknown) => assert.ok(error instanceof ArchiveError),
    );
  }
  for (const type of ["1", "3", "6"]) {
    const odd = Buffer.from(archiveOf([{ path: "x" }]));
    odd.write(type, 156, "latin1");
    const sum = odd.subarray(0, 512).reduce((all, byte, at) => all + (at >= 148 && at < 156 ? 32 : byte), 0);
    odd.write(`${sum.toString(8).padStart(6, "0")}\0`, 148, "latin1");
    await assert.rejects(read(odd), /type that is not copied/);
  }
});

test("a link that leads out of what is copied is known", () => {
  const cases = [
    ["a", "b", false],
    ["a", "/b", true],
    ["a", "../b", true],
    ["d/a", "../b", false],
    ["d/a", "x/../../../b", true],
    ["a", "./b/../c", false],
  ] as const;
  for (const [path, link, is] of cases) assert.equal(leadsOut(path, link), is, `${path} -> ${link}`);
});

test("a place is in a capsule by its id or its name, or it is here", () => {
  assert.deepEqual(placeOf("box:/workspace/a:b"), { capsule: "box", path: "/workspace/a:b" });
  assert.deepEqual(placeOf("my box:"), { capsule: "my box", path: "." });
  for (const here of ["file", "./box:file", "/tmp/a:b", "dir/box:file", "../a:b"])
    assert.deepEqual(placeOf(here), { capsule: null, path: here });
});

test("how far a copy is fits into the terminal, whatever its width", () => {
  for (const columns of [4, 10, 18, 40, 80, 200]) {
    const text = progressText("copying", 512 * 1024, 1024 * 1024, columns);
    assert.ok(text.length <= Math.max(5, columns), `${columns}: ${text}`);
    assert.ok(text.includes("50 %"), text);
  }
  assert.equal(progressText("copying", 2048, null, 80), "copying  2.0 KiB");
});

test(
  "a pipe, a socket or a device is refused as the source of a copy before it is opened, with what to do; a file is not",
  inDirectory(async (dir) => {
    execFileSync("mkfifo", [join(dir, "pipe")]);
    writeFileSync(join(dir, "file"), "x");
    assert.throws(() => requireBytes("pipe", statSync(join(dir, "pipe"))), /^Error: pipe is a pipe, .*capsuled cp - /);
    assert.throws(() => requireBytes("/dev/zero", statSync("/dev/zero")), /is a device/);
    requireBytes("file", statSync(join(dir, "file")));
  }),
);

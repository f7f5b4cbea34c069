import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import type { AgentFiles, FileDownload, FileWatch } from "../../core/ports/agent-files.ts";
import { AgentRefusal } from "../../core/ports/agent-link.ts";
import { EVENT_MS, launch, MIB } from "./capsule.ts";
import type { Guarantees } from "./world.ts";

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const refused = (code: string) => ({ name: "AgentRefusal", code });

async function put(files: AgentFiles, path: string, bytes: Uint8Array): Promise<string> {
  const upload = await files.write({ path }, {});
  await upload.send(bytes);
  return (await upload.finish()).sha256;
}

function take(download: FileDownload): Promise<Buffer> {
  return takeAll(() => download.next());
}

async function takeAll(next: () => Uint8Array | null | Promise<Uint8Array | null>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for (let bytes = await next(); bytes !== null; bytes = await next()) parts.push(bytes);
  return Buffer.concat(parts);
}

/** What comes up to the one that is wanted, each as its kind and its paths; what is only said of attributes is left out. */
async function changesTo(watch: FileWatch, wanted: string): Promise<readonly string[]> {
  const seen: string[] = [];
  while (!seen.includes(wanted)) {
    const changes = await watch.next();
    if (changes === null) throw new Error(`${wanted} did not come behind ${seen.join(", ")}`);
    for (const change of changes)
      if (change.kind === "overflow") seen.push(change.kind);
      else if (change.kind === "renamed") seen.push(`renamed ${change.from} ${change.path}`);
      else if (change.kind !== "attributes_changed") seen.push(`${change.kind} ${change.path}`);
  }
  return seen;
}

/** Resolves when there is nothing at the path any more. A worker hears of the end of its connection when it next looks. */
async function gone(files: AgentFiles, path: string): Promise<void> {
  for (const until = Date.now() + EVENT_MS; Date.now() < until; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const isThere = await files.stat({ path }).then(
      () => true,
      (error: unknown) => {
        if (error instanceof AgentRefusal && error.code === "not_found") return false;
        throw error;
      },
    );
    if (!isThere) return;
  }
  throw new Error(`${path} is still there after ${EVENT_MS} ms`);
}

/** Files through the agent. */
export const FILES: Guarantees = {
  "what is written to a file is what processes and reads of it see, and its digest is told both times": async (world) => {
    await using capsule = await launch(world);
    const { files } = capsule.link;
    const bytes = randomBytes(3 * MIB + 17);
    assert.equal(await put(files, "/tmp/made/on/the/way/file", bytes), sha256(bytes));
    const download = await files.read({ path: "/tmp/made/on/the/way/file" }, 0, null);
    assert.deepEqual([download.head.size, download.head.length], [bytes.length, bytes.length]);
    assert.equal(Buffer.compare(await take(download), bytes), 0);
    assert.equal(download.sha256, sha256(bytes));
    const range = await files.read({ path: "/tmp/made/on/the/way/file" }, 1000, 5);
    assert.deepEqual(await take(range), bytes.subarray(1000, 1005));
    await put(files, "/tmp/said", Buffer.from("by the host\n"));
    assert.equal(await capsule.sh("cat /tmp/said"), "by the host\n");
    await capsule.sh("echo by a process > /tmp/said");
    assert.equal((await take(await files.read({ path: "/tmp/said" }, 0, null))).toString(), "by a process\n");
  },

  "an upload that is not finished leaves the file as it was, and one that was never there away": async (world) => {
    await using capsule = await launch(world);
    const { files } = capsule.link;
    await put(files, "/tmp/old", Buffer.from("old"));
    for (const path of ["/tmp/old", "/tmp/way/new"]) {
      const upload = await files.write({ path }, {});
      await upload.send(randomBytes(MIB));
      upload.abort();
    }
    await gone(files, "/tmp/way");
    assert.equal((await take(await files.read({ path: "/tmp/old" }, 0, null))).toString(), "old");
  },

  "a write beyond the disk's bound is refused, in its midst and beforehand, and leaves nothing": async (world) => {
    await using capsule = await launch(world);
    if (!world.driver.capabilities.diskQuota) return { nothingToCheck: "the driver bounds no disk" };
    const { files } = capsule.link;
    const fill = async (): Promise<void> => {
      const upload = await files.write({ path: "/tmp/full" }, {});
      for (let n = 0; n < 64; n += 1) await upload.send(randomBytes(MIB));
      await upload.finish();
    };
    await assert.rejects(fill(), refused("disk_full"));
    await gone(files, "/tmp/full");
    await put(files, "/tmp/small", Buffer.from("there is room again"));
  },

  "directories are made, listed in order and in pages, and removed with what is in them": async (world) => {
    await using capsule = await launch(world);
    const { files } = capsule.link;
    const made = await files.makeDirectory({ path: "/tmp/box/inner" }, true);
    assert.deepEqual([made.type, made.name, made.path], ["directory", "inner", "/tmp/box/inner"]);
    await assert.rejects(files.makeDirectory({ path: "/tmp/box/inner" }, true), refused("exists"));
    for (const name of ["b", "a", "inner/c"]) await put(files, `/tmp/box/${name}`, Buffer.from(name));
    const all = await files.list({ path: "/tmp/box" }, { depth: 2, limit: 100, after: null });
    assert.deepEqual(
      all.entries.map(({ path }) => path),
      ["/tmp/box/a", "/tmp/box/b", "/tmp/box/inner", "/tmp/box/inner/c"],
    );
    assert.equal(all.next, null);
    const first = await files.list({ path: "/tmp/box" }, { depth: 2, limit: 3, after: null });
    assert.deepEqual(first.next, { path: "/tmp/box/inner" });
    const second = await files.list({ path: "/tmp/box" }, { depth: 2, limit: 3, after: first.next });
    assert.deepEqual(
      second.entries.map(({ name, size }) => [name, size]),
      [["c", 7]],
    );
    await assert.rejects(files.remove({ path: "/tmp/box" }, false), refused("not_empty"));
    assert.equal(await files.remove({ path: "/tmp/box" }, true), 5);
    await assert.rejects(files.stat({ path: "/tmp/box" }), refused("not_found"));
  },

  "what is moved is at its new place only, a copy has what its original has, and modes change": async (world) => {
    await using capsule = await launch(world);
    const { files } = capsule.link;
    const once = { overwrite: false, parents: true };
    await put(files, "/tmp/one/a", Buffer.from("a"));
    await put(files, "/tmp/one/deep/b", Buffer.from("bb"));
    const { changed, entry } = await files.changeMode({ path: "/tmp/one" }, { mode: 0o700, uid: 5, gid: 6 }, true);
    assert.deepEqual([changed, entry.permissions, entry.uid, entry.gid], [4, "drwx------", 5, 6]);
    const copied = await files.copy({ path: "/tmp/one" }, { path: "/tmp/far/two" }, { ...once, recursive: true });
    assert.deepEqual([copied.entry.path, copied.entries, copied.bytes, copied.skipped], ["/tmp/far/two", 4, 3, 0]);
    const moved = await files.move({ path: "/tmp/one" }, { path: "/tmp/three" }, once);
    assert.deepEqual([moved.name, moved.mode, moved.uid], ["three", 0o700, 5]);
    await assert.rejects(files.stat({ path: "/tmp/one" }), refused("not_found"));
    for (const path of ["/tmp/three/deep/b", "/tmp/far/two/deep/b"]) {
      const { mode, uid, gid } = await files.stat({ path });
      assert.deepEqual([mode, uid, gid], [0o700, 5, 6], path);
      assert.equal((await take(await files.read({ path }, 0, null))).toString(), "bb");
    }
    const at = (field: string, code: string) => ({ ...refused(code), field });
    await assert.rejects(files.move({ path: "/tmp/none" }, { path: "/tmp/x" }, once), at("from", "not_found"));
    await assert.rejects(files.copy({ path: "/tmp/three" }, { path: "/tmp/x" }, { ...once, recursive: false }), at("from", "is_directory"));
    await assert.rejects(files.move({ path: "/tmp/three" }, { path: "/tmp/three/in" }, once), at("to", "bad_request"));
    for (const overwrite of [false, true])
      await assert.rejects(
        files.copy({ path: "/tmp/three" }, { path: "/tmp/far/two" }, { overwrite, parents: true, recursive: true }),
        at("to", "exists"),
      );
    await assert.rejects(files.move({ path: "/tmp/three/a" }, { path: "/tmp/three/deep/b" }, once), at("to", "exists"));
    await files.move({ path: "/tmp/three/a" }, { path: "/tmp/three/deep/b" }, { ...once, overwrite: true });
    assert.equal((await take(await files.read({ path: "/tmp/three/deep/b" }, 0, null))).toString(), "a");
    await assert.rejects(files.changeMode({ path: "/tmp/none" }, { mode: 0 }, true), refused("not_found"));
  },

  "a directory goes out as an archive and in again elsewhere, and nothing of one leaves its directory": async (world) => {
    await using capsule = await launch(world);
    const { files } = capsule.link;
    await put(files, "/tmp/out/a", Buffer.from("a"));
    await put(files, "/tmp/out/deep/b", randomBytes(MIB));
    await files.changeMode({ path: "/tmp/out/deep" }, { mode: 0o711 }, true);
    const download = await files.readArchive({ path: "/tmp/out" });
    const archive = await takeAll(() => download.next());
    assert.deepEqual([download.end?.entries, download.end?.bytes, download.end?.skipped], [3, MIB + 1, 0]);
    const unpack = async (bytes: Uint8Array, path: string): Promise<object> => {
      const upload = await files.writeArchive({ path }, {});
      await upload.send(bytes);
      return upload.finish();
    };
    assert.deepEqual(await unpack(archive, "/tmp/made/in"), { entries: 3, bytes: MIB + 1 });
    assert.equal((await files.stat({ path: "/tmp/made/in/deep/b" })).mode, 0o711);
    const both = [];
    for (const path of ["/tmp/out/deep/b", "/tmp/made/in/deep/b"]) both.push(sha256(await take(await files.read({ path }, 0, null))));
    assert.equal(both[0], both[1]);
    await assert.rejects(unpack(archive.subarray(0, archive.length - 700_000), "/tmp/cut"), refused("bad_archive"));
    await assert.rejects(unpack(randomBytes(4096), "/tmp/junk"), refused("bad_archive"));
    const leaving = Buffer.from(archive);
    leaving.write("../x\0", 0, "latin1");
    leaving.write("        ", 148, "latin1");
    const sum = leaving.subarray(0, 512).reduce((total, byte) => total + byte, 0);
    leaving.write(`${sum.toString(8).padStart(6, "0")}\0`, 148, "latin1");
    await assert.rejects(unpack(leaving, "/tmp/in"), refused("outside"));
    await assert.rejects(files.stat({ path: "/tmp/x" }), refused("not_found"));
    await assert.rejects(files.readArchive({ path: "/tmp/none" }), refused("not_found"));
  },

  "what is no file, and no place for one, is told by its code": async (world) => {
    await using capsule = await launch(world);
    const { files } = capsule.link;
    await put(files, "/tmp/file", Buffer.from("x"));
    await assert.rejects(files.read({ path: "/tmp" }, 0, null), refused("is_directory"));
    await assert.rejects(files.read({ path: "/tmp/none" }, 0, null), refused("not_found"));
    await assert.rejects(files.read({ path: "/tmp/file" }, 2, null), refused("invalid_offset"));
    await assert.rejects(put(files, "/tmp", Buffer.from("x")), refused("is_directory"));
    await assert.rejects(put(files, "/tmp/file/below", Buffer.from("x")), refused("not_directory"));
    await assert.rejects(files.list({ path: "/tmp/file" }, { depth: 1, limit: 1, after: null }), refused("not_directory"));
    await assert.rejects(files.remove({ path: "/tmp/none" }, true), refused("not_found"));
    await assert.rejects(files.stat({ path: `/tmp/${"n".repeat(256)}` }), refused("name_too_long"));
    const again = await files.write({ path: "/tmp/file" }, { exclusive: true });
    await assert.rejects(again.finish(), refused("exists"));
  },

  "what changes in a directory that is watched is told in order, below it only where that was asked for, and its end is": async (world) => {
    await using capsule = await launch(world);
    const { files } = capsule.link;
    await files.makeDirectory({ path: "/tmp/seen/below" }, true);
    const flat = await files.watch({ path: "/tmp/seen" }, false);
    const deep = await files.watch({ path: "/tmp/seen" }, true);
    assert.deepEqual([flat.directories, deep.directories], [1, 2]);
    await put(files, "/tmp/seen/a", Buffer.from("a"));
    await put(files, "/tmp/seen/below/b", Buffer.from("b"));
    await capsule.sh("echo more >> /tmp/seen/a");
    await files.move({ path: "/tmp/seen/a" }, { path: "/tmp/seen/below/c" }, { overwrite: false, parents: false });
    await put(files, "/tmp/seen/below/b", Buffer.from("anew"));
    await files.remove({ path: "/tmp/seen/below/c" }, false);
    await put(files, "/tmp/seen/last", Buffer.from(""));
    assert.deepEqual(await changesTo(flat, "created /tmp/seen/last"), [
      "created /tmp/seen/a",
      "modified /tmp/seen/a",
      "removed /tmp/seen/a",
      "created /tmp/seen/last",
    ]);
    assert.deepEqual(await changesTo(deep, "created /tmp/seen/last"), [
      "created /tmp/seen/a",
      "created /tmp/seen/below/b",
      "modified /tmp/seen/a",
      "renamed /tmp/seen/a /tmp/seen/below/c",
      "created /tmp/seen/below/b",
      "removed /tmp/seen/below/c",
      "created /tmp/seen/last",
    ]);
    flat.close();
    await files.remove({ path: "/tmp/seen" }, true);
    for (let changes = await deep.next(); changes !== null; changes = await deep.next());
    await assert.rejects(files.watch({ path: "/tmp/seen" }, true), refused("not_found"));
    await put(files, "/tmp/file", Buffer.from("x"));
    await assert.rejects(files.watch({ path: "/tmp/file" }, false), refused("not_directory"));
  },
};

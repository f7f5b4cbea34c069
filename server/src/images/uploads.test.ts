import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { HostFullError } from "../core/ports/driver.ts";
import type { ImageUploads, KeptArchive } from "../core/ports/image-uploads.ts";
import { ImageError } from "../core/ports/images.ts";
import { createImageUploads } from "./uploads.ts";

const TEAM = `team-${"a".repeat(25)}`;
const OTHER = `team-${"b".repeat(25)}`;
const BYTES = Buffer.from("an archive ".repeat(100));

let dataDir = "";
before(() => {
  dataDir = mkdtempSync(join(tmpdir(), "capsuled-uploads-"));
});
after(() => rmSync(dataDir, { recursive: true, force: true }));

const uploadsWith = (more: Partial<Parameters<typeof createImageUploads>[0]> = {}) =>
  createImageUploads({ dataDir, bytesMax: 10_000, archivesMax: 4, diskFloorMb: 1, now: () => Date.now(), ...more });
async function* pieces(bytes: Buffer, failure?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
  if (failure !== undefined) throw failure;
}
async function saved(uploads: ImageUploads, team: string, source: AsyncIterable<Uint8Array>): Promise<KeptArchive> {
  const kept = await uploads.save(team, source);
  assert.ok(kept !== null, "there is a place for it");
  return kept;
}
const left = (team: string): readonly string[] => readdirSync(join(dataDir, "images", team));

test("an archive has the id of its content, compressed or not, and is another team's in no way", async () => {
  const uploads = uploadsWith();
  const kept = await saved(uploads, TEAM, pieces(BYTES));
  assert.match(kept.id, /^im-[0-9a-z]{25}$/);
  assert.deepEqual(readFileSync(kept.path), BYTES);
  assert.equal(statSync(kept.path).mode & 0o777, 0o600);
  for (const packed of [gzipSync(BYTES), zstdCompressSync(BYTES)]) assert.equal((await saved(uploads, TEAM, pieces(packed))).id, kept.id);
  assert.deepEqual(left(TEAM), [kept.id]);
  assert.equal(await uploads.find(OTHER, kept.id), undefined);
  assert.equal(await uploads.remove(OTHER, kept.id), false);
  assert.equal(await uploads.remove(TEAM, kept.id), true);
  assert.equal(await uploads.find(TEAM, kept.id), undefined);
});

test("what breaks off, is too long, or grows too long when its compression is undone, leaves nothing", async () => {
  const uploads = uploadsWith();
  await assert.rejects(uploads.save(TEAM, pieces(BYTES, new Error("gone"))), /gone/);
  const isTooBig = (error: unknown): boolean => error instanceof ImageError && error.code === "too_big";
  await assert.rejects(uploads.save(TEAM, pieces(Buffer.alloc(10_001, "x"))), isTooBig);
  await assert.rejects(uploads.save(TEAM, pieces(gzipSync(Buffer.alloc(1 << 28)))), isTooBig);
  await assert.rejects(
    uploads.save(TEAM, pieces(gzipSync(BYTES).subarray(0, 30))),
    (error) => error instanceof ImageError && error.code === "bad_image",
  );
  assert.deepEqual(left(TEAM), []);
});

test("a disk that has no room takes none", async () => {
  const full = uploadsWith({ diskFloorMb: 1_000_000_000 });
  await assert.rejects(full.save(TEAM, pieces(BYTES)), (error) => error instanceof HostFullError && error.resource === "disk");
  assert.deepEqual(left(TEAM), []);
});

test("what nobody used for a while goes, and what a killed server left half-written; what is used stays", async () => {
  const uploads = uploadsWith();
  const old = await saved(uploads, TEAM, pieces(BYTES));
  const used = await saved(uploads, TEAM, pieces(Buffer.from("another")));
  for (const { path } of [old, used]) utimesSync(path, 1000, 1000);
  assert.ok(((await uploads.find(TEAM, used.id))?.usedAt ?? 0) > 1_000_000);
  writeFileSync(join(dataDir, "images", TEAM, "1-1.new"), "half");
  assert.equal(await uploads.removeUnused(Date.now() - 60_000), 2);
  assert.deepEqual(left(TEAM), [used.id]);
  await uploads.remove(TEAM, used.id);
});

/** An archive that comes in when it is told to, and whether it has been asked for a second piece. */
function slow(text: string): { readonly source: AsyncIterable<Uint8Array>; readonly begun: Promise<void>; readonly goOn: () => void } {
  const [begun, rest] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  async function* source(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(text);
    begun.resolve();
    await rest.promise;
    yield Buffer.from("its end");
  }
  return { source: source(), begun: begun.promise, goOn: rest.resolve };
}

test("uploads under way hold their places: however many come at once, a team has no more archives and no more unfinished ones", async () => {
  const uploads = uploadsWith({ archivesMax: 2 });
  const coming = ["one", "two", "three", "four"].map(slow);
  const saving = coming.map(({ source }) => uploads.save(TEAM, source));
  await Promise.all(coming.map(({ begun }) => begun));
  assert.equal(left(TEAM).length, 2, "what has no place is not written");
  for (const { goOn } of coming) goOn();
  const kept = await Promise.all(saving);
  assert.equal(kept.filter((one) => one !== null).length, 2);
  assert.equal(left(TEAM).length, 2);
  assert.equal((await saved(uploads, OTHER, pieces(BYTES))).sizeBytes, BYTES.length, "another team has places of its own");
  for (const [team, ids] of [TEAM, OTHER].map((one) => [one, left(one)] as const)) for (const id of ids) await uploads.remove(team, id);
});

test("a place is free again once its upload has failed or its archive is gone", async () => {
  const uploads = uploadsWith({ archivesMax: 1 });
  for (let n = 0; n < 2; n += 1) await assert.rejects(uploads.save(TEAM, pieces(BYTES, new Error("gone"))), /gone/);
  const { id } = await saved(uploads, TEAM, pieces(BYTES));
  assert.equal(await uploads.save(TEAM, pieces(Buffer.from("another"))), null);
  await uploads.remove(TEAM, id);
  const other = await saved(uploads, TEAM, pieces(Buffer.from("another")));
  await uploads.remove(TEAM, other.id);
});

test("an archive that is there already is the same one where a team can have no more, and counts as used", async () => {
  const uploads = uploadsWith({ archivesMax: 1 });
  const kept = await saved(uploads, TEAM, pieces(BYTES));
  utimesSync(kept.path, 1000, 1000);
  for (const bytes of [BYTES, gzipSync(BYTES)]) assert.equal((await saved(uploads, TEAM, pieces(bytes))).id, kept.id);
  assert.ok((await saved(uploads, TEAM, pieces(BYTES))).usedAt > 1_000_000);
  assert.equal(await uploads.save(TEAM, pieces(Buffer.from("another"))), null);
  assert.deepEqual(left(TEAM), [kept.id]);
  await uploads.remove(TEAM, kept.id);
});

test("a look for what nobody uses passes over what is finished or removed while it looks", async () => {
  const uploads = uploadsWith();
  const own = join(dataDir, "images", TEAM);
  mkdirSync(own, { recursive: true });
  const { source, begun, goOn } = slow("coming");
  const saving = saved(uploads, TEAM, source);
  await begun;
  // Stands for a name that was listed, and is gone when it is looked at.
  symlinkSync("gone", join(own, `im-${"0".repeat(25)}`));
  assert.equal(await uploads.removeUnused(Date.now() + 60_000), 0, "what is being written is nobody's left-over");
  rmSync(join(own, `im-${"0".repeat(25)}`));
  goOn();
  await uploads.remove(TEAM, (await saving).id);
});

test("a text that is no id leads nowhere", async () => {
  const uploads = uploadsWith();
  for (const id of ["", "..", "../..", "im-../../../etc/passwd", `im-${"A".repeat(25)}`, "1-1.new"]) {
    assert.equal(await uploads.find(TEAM, id), undefined);
    assert.equal(await uploads.remove(TEAM, id), false);
  }
  await assert.rejects(uploads.save("../..", pieces(BYTES)));
});

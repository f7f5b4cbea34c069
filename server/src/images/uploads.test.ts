import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { HostFullError } from "../core/ports/driver.ts";
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
  createImageUploads({ dataDir, bytesMax: 10_000, diskFloorMb: 1, now: () => Date.now(), ...more });
async function* pieces(bytes: Buffer, failure?: Error): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 100) yield bytes.subarray(at, at + 100);
  if (failure !== undefined) throw failure;
}
const left = (team: string): readonly string[] => readdirSync(join(dataDir, "images", team));

test("an archive has the id of its content, compressed or not, and is another team's in no way", async () => {
  const uploads = uploadsWith();
  const kept = await uploads.save(TEAM, pieces(BYTES));
  assert.match(kept.id, /^im-[0-9a-z]{25}$/);
  assert.deepEqual(readFileSync(kept.path), BYTES);
  assert.equal(statSync(kept.path).mode & 0o777, 0o600);
  for (const packed of [gzipSync(BYTES), zstdCompressSync(BYTES)]) assert.equal((await uploads.save(TEAM, pieces(packed))).id, kept.id);
  assert.deepEqual(left(TEAM), [kept.id]);
  assert.equal(await uploads.count(TEAM), 1);
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
  const old = await uploads.save(TEAM, pieces(BYTES));
  const used = await uploads.save(TEAM, pieces(Buffer.from("another")));
  for (const { path } of [old, used]) utimesSync(path, 1000, 1000);
  assert.ok(((await uploads.find(TEAM, used.id))?.usedAt ?? 0) > 1_000_000);
  writeFileSync(join(dataDir, "images", TEAM, "1-1.new"), "half");
  assert.equal(await uploads.removeUnused(Date.now() - 60_000), 2);
  assert.deepEqual(left(TEAM), [used.id]);
  await uploads.remove(TEAM, used.id);
});

test("a text that is no id leads nowhere", async () => {
  const uploads = uploadsWith();
  for (const id of ["", "..", "../..", "im-../../../etc/passwd", `im-${"A".repeat(25)}`, "1-1.new"]) {
    assert.equal(await uploads.find(TEAM, id), undefined);
    assert.equal(await uploads.remove(TEAM, id), false);
  }
  await assert.rejects(uploads.save("../..", pieces(BYTES)));
});

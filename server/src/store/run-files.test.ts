import assert from "node:assert/strict";
import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { createRunFiles } from "./run-files.ts";

const ID = `run-${"0".repeat(25)}`;
const OTHER = `run-${"1".repeat(25)}`;

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-run-files-"));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (read: Uint8Array | undefined): string | undefined => (read === undefined ? undefined : Buffer.from(read).toString());

test("a file can be read while it is written, has its name once it is whole, and is its owner's only", () =>
  withDirectory(async (directory) => {
    const files = createRunFiles(directory);
    assert.deepEqual(await files.list(), [], "a directory that is not there has no files");
    const writer = await files.create(ID);
    await writer.write([bytes("hello "), bytes(""), bytes("world")]);
    assert.equal(text(await writer.read(6, new Uint8Array(100))), "world");
    assert.equal(text(await writer.read(100, new Uint8Array(5))), "");
    assert.equal(await files.open(ID), undefined);
    assert.deepEqual(await files.list(), []);
    await writer.finish();
    assert.equal(text(await writer.read(0, new Uint8Array(5))), "hello", "whoever reads goes on while it gets its name");
    await writer.close();
    await writer.close();
    assert.deepEqual(await files.list(), [ID]);
    assert.equal((await stat(join(directory, "runs", ID))).mode & 0o777, 0o600);
    assert.equal((await stat(join(directory, "runs"))).mode & 0o777, 0o700);
    const reader = await files.open(ID);
    assert.equal(text(await reader?.read(3, new Uint8Array(4))), "lo w");
    await files.remove(ID);
    await files.remove(ID);
    assert.equal(text(await reader?.read(0, new Uint8Array(5))), "hello", "an open file outlives its removal");
    await reader?.close();
    assert.equal(await files.open(ID), undefined);
  }));

test("what was not finished is no file, and goes with the next start; finished ones stay", () =>
  withDirectory(async (directory) => {
    const files = createRunFiles(directory);
    const [done, left, dropped] = [await files.create(ID), await files.create(OTHER), await files.create(`run-${"2".repeat(25)}`)];
    await done.write([bytes("x")]);
    await done.finish();
    await done.close();
    await dropped.discard();
    assert.equal((await readdir(join(directory, "runs"))).length, 2);
    await createRunFiles(directory).removeUnfinished();
    assert.deepEqual(await readdir(join(directory, "runs")), [ID]);
    await left.discard();
    const again = await files.create(OTHER);
    await again.write([bytes("y")]);
    await again.finish();
    await again.close();
    assert.deepEqual((await files.list()).toSorted(), [ID, OTHER]);
  }));

test("a write that fails fails every later one, and nothing of it becomes a file", () =>
  withDirectory(async (directory) => {
    const files = createRunFiles(directory);
    const writer = await files.create(ID);
    await writer.close();
    await assert.rejects(writer.write([bytes("x")]));
    await assert.rejects(writer.write([bytes("x")]));
    await writer.discard();
    assert.deepEqual(await readdir(join(directory, "runs")), []);
  }));

test("only a run's id names a file", () =>
  withDirectory(async (directory) => {
    const files = createRunFiles(directory);
    for (const id of ["../x", "run-1", "", `${ID}.new`, `${ID}/x`]) {
      await assert.rejects(files.create(id));
      await assert.rejects(files.open(id));
      await assert.rejects(files.remove(id));
    }
  }));

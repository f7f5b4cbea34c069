import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { isMissing, namesIn } from "./missing.ts";

test("a missing directory has no names in it, and what is no directory is an error", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-missing-"));
  t.after(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, "a"), "");
  assert.deepEqual(await namesIn(directory), ["a"]);
  assert.deepEqual(await namesIn(join(directory, "b")), []);
  await assert.rejects(namesIn(join(directory, "a")), { code: "ENOTDIR" });
});

test("what is not there is told from what failed otherwise", async () => {
  const absent: unknown = await readFile(join(tmpdir(), "capsuled-missing-no-such-file")).catch((error: unknown) => error);
  const directory: unknown = await readFile(tmpdir()).catch((error: unknown) => error);
  assert.deepEqual([absent, directory, new Error("ENOENT"), "ENOENT"].map(isMissing), [true, false, false, false]);
});

import assert from "node:assert/strict";
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import fc from "fast-check";
import { DataDirError } from "./data-dir.ts";
import { createSealer, loadSealingKey, SealBrokenError } from "./sealer.ts";

const key = new Uint8Array(32).fill(7);

test("what was sealed opens again under its context, whatever text it is", () => {
  const sealer = createSealer(key);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), fc.string(), (text, context) =>
      assert.equal(sealer.open(sealer.seal(text, context), context), text),
    ),
  );
});

test("any other context, any other key and any changed character is refused", () => {
  const sealer = createSealer(key);
  fc.assert(
    fc.property(
      fc.string(),
      fc.string(),
      fc.string(),
      fc.nat(),
      fc.constantFrom("A", "b", "0", "-", "_", ".", "+", "/", "=", " "),
      (text, context, other, at, character) => {
        const sealed = sealer.seal(text, context);
        if (other !== context) assert.throws(() => sealer.open(sealed, other), SealBrokenError);
        assert.throws(() => createSealer(new Uint8Array(32).fill(8)).open(sealed, context), SealBrokenError);
        const index = at % sealed.length;
        const altered = sealed.slice(0, index) + character + sealed.slice(index + 1);
        if (altered !== sealed) assert.throws(() => sealer.open(altered, context), SealBrokenError);
        assert.throws(() => sealer.open(sealed.slice(0, index), context), SealBrokenError);
        assert.throws(() => sealer.open(sealed + character, context), SealBrokenError);
      },
    ),
  );
});

test("the same text never seals to the same twice, and does not show in it", () => {
  const sealer = createSealer(key);
  const seals = new Set(Array.from({ length: 100 }, () => sealer.seal("hunter2-hunter2", "c")));
  assert.equal(seals.size, 100);
  for (const sealed of seals) assert.ok(!Buffer.from(sealed.slice(3), "base64url").includes("hunter2"));
});

test("the key file is made once, whoever comes first, and is its owner's only", async () => {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-seal-"));
  try {
    const path = join(directory, "secret.key");
    const keys = await Promise.all(Array.from({ length: 5 }, () => loadSealingKey(path)));
    assert.equal(new Set(keys.map(({ fingerprint }) => fingerprint)).size, 1);
    assert.deepEqual(keys[0]?.key, keys[4]?.key);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    assert.deepEqual(await readdir(directory), ["secret.key"], "no temporary file stays");
    await chmod(path, 0o640);
    await assert.rejects(loadSealingKey(path), /others may read the sealing key: chmod 600/);
    await chmod(path, 0o600);
    await writeFile(path, "short");
    await assert.rejects(loadSealingKey(path), DataDirError);
  } finally {
    await rm(directory, { recursive: true });
  }
});

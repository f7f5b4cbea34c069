import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readOrigin, writeJson } from "./origin.ts";

const dir = mkdtempSync(join(tmpdir(), "capsuled-origin-"));
after(() => rmSync(dir, { recursive: true, force: true }));

test("what a disk began with is read as it was written; no file and one that a power cut left empty are none", () => {
  const file = join(dir, "template.json");
  assert.equal(readOrigin(file), null);
  writeFileSync(file, "");
  assert.equal(readOrigin(file), null);
  writeJson(file, { name: "minimal", build: "0123456789abcdef", beganWith: 0 });
  assert.deepEqual(readOrigin(file), { name: "minimal", build: "0123456789abcdef", beganWith: 0 });
});

test("a file that says something else is not taken for none", () => {
  const file = join(dir, "other.json");
  writeFileSync(file, '{"name":');
  assert.throws(() => readOrigin(file), SyntaxError);
});

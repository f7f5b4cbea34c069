import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import test from "node:test";
import { fileURLToPath } from "node:url";
import { SETTINGS } from "./config/schema.ts";
import { variableOf } from "./config/setting.ts";
import { allConstants } from "./testing/bounds/all-constants.ts";
import { constant } from "./testing/bounds/constants.ts";
import { INTERNAL, UNDER_WAY } from "./testing/bounds/internal.ts";
import type { Constant } from "./testing/bounds/limits-document.ts";
import { numbersOf, readLimits } from "./testing/bounds/limits-document.ts";

const rows = readLimits();
const root = fileURLToPath(new URL("../../", import.meta.url));

test("docs/limits.md has lines enough to prove something, each bound once and with what happens at its edge", () => {
  assert.ok(rows.length >= 100, `${rows.length} lines`);
  const names = rows.map(({ section, name }) => `${section}: ${name}`);
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
  );
  for (const row of rows) assert.ok(row.name !== "" && row.edge !== "", JSON.stringify(row));
});

for (const row of rows) {
  test(`docs/limits.md tells the numbers of the code: ${row.name}`, () => {
    assert.deepEqual(row.figures, numbersOf(row), `${row.section}: ${row.name}`);
  });
}

test("every number that the code gives a name has a line in docs/limits.md, or a reason to have none", () => {
  const found = allConstants().filter(({ path }) => !UNDER_WAY.some((prefix) => path.startsWith(prefix)));
  assert.ok(found.length >= 250, `only ${found.length} numbers were found: the check is blind`);
  const told = rows.flatMap(({ constants }) => constants.filter((one) => one !== null));
  const internal = INTERNAL.flatMap(({ numbers }) => numbers).map((text): Constant => {
    const [path = "", name = ""] = text.split(": ");
    return { path, name };
  });
  const isOf = (one: Constant, { path, name }: Constant): boolean =>
    one.path === path && (name === "*" || one.name === name || one.name.endsWith(`.${name}`));
  const missing = found.filter((one) => ![...told, ...internal].some((other) => isOf(one, other)));
  assert.deepEqual(missing, [], "add a line to docs/limits.md, or a name to server/src/testing/bounds/internal.ts");
});

test("every setting that is a number has a line in docs/limits.md, and no other is named there", () => {
  const told = new Set(rows.flatMap(({ settings }) => settings));
  const numbers = Object.entries(SETTINGS).flatMap(([name, { unit, default: text }]) =>
    unit !== null || /^\d+[KMG]iB$/.test(text ?? "") ? [variableOf(name)] : [],
  );
  assert.ok(numbers.length >= 8);
  assert.deepEqual([...told].sort(), numbers.sort());
});

/** Too long or too large to be reached. A bound that comes to this list needs that reason; one that leaves it, a test. */
const WITHOUT_TEST = 37;

test("every bound has a test, but for a few whose edge cannot be reached in one", () => {
  const without = rows.filter(({ tests }) => tests.length === 0).map(({ name }) => name);
  assert.equal(without.length, WITHOUT_TEST, without.join("\n"));
});

test("every test that docs/limits.md names is there", () => {
  const named = new Set(rows.flatMap(({ tests }) => tests));
  assert.ok(named.size >= 30, `${named.size} files`);
  assert.deepEqual(
    [...named].filter((path) => !existsSync(`${root}${path}`)),
    [],
  );
});

test("constants are read as the languages mean them", () => {
  assert.equal(constant("contract/src/limits.ts", "LIMITS.bodyBytesMax"), 4 * 1024 * 1024);
  assert.equal(constant("contract/src/limits.ts", "argBytesMax"), 128 * 1024 - 1);
  assert.equal(constant("agent/src/output.rs", "CAPSULE_JOURNALS"), 16 * 1024 * 1024);
  assert.equal(constant("agent/src/retention.rs", "KEPT_S"), 15 * 60 * 1000, "seconds are told in milliseconds");
  assert.equal(constant("server/src/core/event/retain.ts", "KEPT.events.ms"), 7 * 24 * 3600 * 1000, "by another constant");
  assert.equal(constant("server/src/config/schema.ts", "SETTINGS.outputBytesMax"), 16 * 1024 * 1024);
  assert.throws(() => constant("contract/src/limits.ts", "LIMITS.noSuchBound"));
});

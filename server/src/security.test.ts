import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

interface Proof {
  readonly promise: string;
  readonly file: string;
  /** The beginning of a test's name, or with a leading … a part of it. */
  readonly name: string;
}

/** Rows of docs/security.md: a promise, how it is kept, and `file: "name…", "name…"; file: …`. */
function proofs(): { readonly promises: readonly string[]; readonly proofs: readonly Proof[] } {
  const rows = readFileSync(`${root}docs/security.md`, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| promise |"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
  const found = rows.flatMap(([, promise = "", , tests = ""]) =>
    tests.split("; ").flatMap((part) => {
      const [, file = "", names = ""] = /^([a-z-]+): (.*)$/.exec(part) ?? [];
      return [...names.matchAll(/"([^"]+)"/g)].map((match) => ({ promise, file, name: match[1] ?? "" }));
    }),
  );
  return { promises: rows.map(([, promise = ""]) => promise), proofs: found };
}

/** Names of a file's tests; what is computed in them is left open. */
function titlesIn(file: string): readonly string[] {
  const path = `${root}acceptance/tests/${file}.test.ts`;
  if (!existsSync(path)) return [];
  const titles = readFileSync(path, "utf8").matchAll(/\btest\(\s*(["'`])((?:\\.|(?!\1)[\s\S])*)\1/g);
  return [...titles].map((match) => (match[2] ?? "").replace(/\\(.)/g, "$1"));
}

const { promises, proofs: named } = proofs();

test("docs/security.md names a test for every promise", () => {
  assert.ok(promises.length >= 30, `${promises.length} promises`);
  const proven = new Set(named.map(({ promise }) => promise));
  assert.deepEqual(
    promises.filter((promise) => !proven.has(promise)),
    [],
  );
});

for (const { file, name } of named) {
  test(`docs/security.md names a test that is there: ${file}: ${name}`, () => {
    const wanted = name.replace(/^…\s*|…$/g, "");
    const titles = titlesIn(file);
    const fits = (title: string): boolean => (name.startsWith("…") ? title.includes(wanted) : title.startsWith(wanted));
    assert.ok(wanted.length >= 8, "a name long enough to tell tests apart");
    assert.equal(titles.filter(fits).length, 1, `one of: ${titles.join("\n")}`);
  });
}

test("every test of isolation is the proof of a promise", () => {
  const files = ["isolation-agent", "isolation-kernel", "isolation-calls", "isolation-neighbours"];
  const unnamed = files.flatMap((file) => {
    const wanted = named.filter((proof) => proof.file === file).map(({ name }) => name.replace(/^…\s*|…$/g, ""));
    return titlesIn(file).filter((title) => !wanted.some((name) => title.includes(name)));
  });
  assert.deepEqual(unnamed, []);
});

test("every probe is used, and every probe that a test uses is there", () => {
  const used = ["isolation-agent", "isolation-kernel", "isolation-calls", "isolation-neighbours"].flatMap((file) =>
    [...readFileSync(`${root}acceptance/tests/${file}.test.ts`, "utf8").matchAll(/probe(?:Outside|Source)?\((?:\w+, )?"([a-z_]+)"/g)].map(
      (match) => match[1] ?? "",
    ),
  );
  assert.ok(new Set(used).size >= 8, used.join(" "));
  for (const name of used) assert.ok(existsSync(`${root}acceptance/probes/${name}.py`), name);
});

import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

/** What a document leads to in this repository, without the place within. */
function linksOf(document: string): readonly string[] {
  const links = [...readFileSync(join(root, document), "utf8").matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, link = ""]) => link);
  return links.filter((link) => !/^[a-z]+:/.test(link));
}

test("llms.txt and the README lead to documents that are there", () => {
  for (const document of ["llms.txt", "README.md"]) {
    const links = linksOf(document);
    assert.ok(links.length > 10);
    assert.deepEqual(
      links.filter((link) => !existsSync(join(root, link))),
      [],
      document,
    );
  }
});

test("llms.txt lists every guide, reference and specification, each once", () => {
  const links = linksOf("llms.txt");
  const documents = ["docs/guides", "docs/reference", "docs/sdk", "docs/spec"].flatMap((folder) =>
    readdirSync(join(root, folder))
      .filter((name) => name.endsWith(".md"))
      .map((name) => `${folder}/${name}`),
  );
  assert.ok(documents.length > 12);
  assert.deepEqual(
    documents.filter((document) => !links.includes(document)),
    [],
    "give each a line in llms.txt",
  );
  assert.deepEqual(
    links.filter((link, index) => links.indexOf(link) !== index),
    [],
  );
});

test("llms.txt has the form that its readers expect: a title, a summary, lists of links with a title each", () => {
  const lines = readFileSync(join(root, "llms.txt"), "utf8").split("\n");
  assert.match(lines[0] ?? "", /^# \S/);
  assert.match(lines[2] ?? "", /^> \S/);
  const listed = lines.slice(lines.findIndex((line) => line.startsWith("## ")));
  for (const line of listed) assert.match(line, /^$|^## \S|^- \[[^\]]+\]\([^)]+\)(?:: \S.*)?$/);
});

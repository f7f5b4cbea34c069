import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import test from "node:test";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const tracked = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root, encoding: "utf8" })
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));

const DOCUMENTS = [
  "README.md",
  "ARCHITECTURE.md",
  "CONTRIBUTING.md",
  "agent/PROTOCOL.md",
  "cli/README.md",
  "sdk/python/README.md",
  "sdk/typescript/README.md",
  ...tracked.filter((file) => /^docs\/.*\.md$/.test(file)),
];

/** Named, and made only when something runs. */
const MADE = new Set(["bench/results/", "config.json", "template.json"]);

/** What looks like one of our files: in code style with a known ending or a slash at its end, or the target of a link. */
function pathsIn(text: string): readonly string[] {
  const code = [...text.matchAll(/`([\w@.<>*/-]+)`/g)]
    .map((match) => match[1] ?? "")
    .filter((path) => /\.(ts|rs|md|json|py|toml)$|^[a-z][\w/-]*\/$/.test(path) && !/[*<>]|^\.\w/.test(path) && !MADE.has(path));
  const links = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map((match) => `./${match[1] ?? ""}`);
  return [...code, ...links];
}

/** The names of ARCHITECTURE.md's tree, each with the folders it stands in. */
function treeOf(text: string): readonly string[] {
  const block = /```\n([\s\S]*?)```/.exec(text)?.[1] ?? "";
  const folders: string[] = [];
  return block.split("\n").flatMap((line) => {
    const [, indent = "", name] = /^( *)(\S+)(?:\s|$)/.exec(line) ?? [];
    if (name === undefined) return [];
    folders.length = indent.length / 2;
    const path = [...folders, name].join("");
    if (name.endsWith("/")) folders.push(name);
    return [path];
  });
}

/** A path as written may be whole, from the document's folder, or the end of one: `http/register.ts`. */
function isThere(path: string, document: string): boolean {
  if (path.startsWith("./")) return existsSync(join(root, dirname(document), path));
  if (existsSync(join(root, path)) || existsSync(join(root, dirname(document), path))) return true;
  const bare = posix.normalize(path).replace(/\/$/, "");
  return tracked.some((file) => file.endsWith(`/${bare}`) || `/${file}`.includes(`/${bare}/`));
}

for (const document of DOCUMENTS) {
  test(`every path that ${document} names is there`, () => {
    const paths = pathsIn(readFileSync(join(root, document), "utf8"));
    assert.deepEqual(
      paths.filter((path) => !isThere(path, document)),
      [],
    );
  });
}

test("ARCHITECTURE.md's tree is there, and shows every folder of core and of the top", () => {
  const tree = treeOf(readFileSync(join(root, "ARCHITECTURE.md"), "utf8"));
  assert.ok(tree.length >= 25, tree.join("\n"));
  assert.deepEqual(
    tree.filter((path) => !existsSync(join(root, path))),
    [],
  );
  const folders = new Set(tracked.filter((file) => file.includes("/")).map((file) => `${file.split("/")[0] ?? ""}/`));
  const hidden = [...folders].filter((folder) => !folder.startsWith(".") && !tree.some((path) => path.startsWith(folder)));
  assert.deepEqual(hidden, []);
});

/** Where a document's links lead: a path of the repository, and the place in it. Links to elsewhere are left out. */
function linksOf(document: string): readonly { readonly path: string; readonly place: string }[] {
  const text = readFileSync(join(root, document), "utf8").replaceAll(/```[\s\S]*?```|`[^`\n]*`/g, "");
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map(([, target = ""]) => target)
    .filter((target) => !/^[a-z][a-z+.-]*:/.test(target))
    .map((target) => {
      const [path = "", place = ""] = target.split("#");
      return { path: path === "" ? document : posix.join(dirname(document), path), place };
    });
}

/** What a link may name within a document: its headings, as they are shown on the web, and what has an id. */
function placesOf(document: string): ReadonlySet<string> {
  const text = readFileSync(join(root, document), "utf8");
  const headings = [...text.replaceAll(/```[\s\S]*?```/g, "").matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1")
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
  return new Set([...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id = ""]) => id)]);
}

const LINKING = [...DOCUMENTS, "llms.txt"];

test("every link of a document leads to what is there, and to a place that is in it", () => {
  const links = LINKING.flatMap((document) => linksOf(document).map((link) => ({ document, ...link })));
  assert.ok(links.length > 100 && links.filter(({ place }) => place !== "").length > 20, `${links.length} links`);
  const broken = links.filter(
    ({ path, place }) => !existsSync(join(root, path)) || (place !== "" && path.endsWith(".md") && !placesOf(path).has(place)),
  );
  assert.deepEqual(broken, []);
});

test("every document is reached by links from the README", () => {
  const reached = new Set<string>();
  const waiting = ["README.md"];
  for (let document = waiting.pop(); document !== undefined; document = waiting.pop()) {
    if (reached.has(document)) continue;
    reached.add(document);
    for (const { path } of linksOf(document)) {
      // A folder shows its files.
      const folder = path.replace(/\/$/, "");
      waiting.push(...tracked.filter((file) => file === path || (posix.dirname(file) === folder && file.endsWith(".md"))).filter(isPage));
    }
  }
  assert.deepEqual(
    LINKING.filter((document) => !reached.has(document)),
    [],
  );
});

const isPage = (file: string): boolean => file.endsWith(".md") || file === "llms.txt";

test("the documents name paths enough to prove something", () => {
  const count = (document: string): number => pathsIn(readFileSync(join(root, document), "utf8")).length;
  for (const document of ["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/security.md", "docs/limits.md"])
    assert.ok(count(document) >= 3, `${document}: ${count(document)}`);
});

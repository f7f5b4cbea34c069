import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { afterEach, beforeEach } from "node:test";
import { fileURLToPath } from "node:url";
import { chooseSources, deb822, neutralSources, oneLine } from "./apt-sources.ts";
import { BuilderProgress } from "./progress.ts";
import { fingerprint, readRecipes } from "./recipe.ts";

const shipped = fileURLToPath(new URL("../../../../../templates", import.meta.url));
let etc: string;
beforeEach(() => {
  etc = mkdtempSync(join(tmpdir(), "capsuled-etc-"));
  mkdirSync(join(etc, "apt/sources.list.d"), { recursive: true });
});
afterEach(() => {
  rmSync(etc, { recursive: true, force: true });
});

const osRelease = (id: string, codename: string): void =>
  writeFileSync(join(etc, "os-release"), `NAME="x"\nID=${id}\nVERSION_CODENAME=${codename}\n`);

test("the shipped recipes are valid and have what they promise", () => {
  const recipes = readRecipes(shipped);
  assert.deepEqual([...recipes.keys()].sort(), ["base-python", "code-interpreter", "minimal"]);
  for (const name of ["bash", "coreutils", "git", "ca-certificates", "curl", "procps", "python3", "python-is-python3", "python3-pip"]) {
    for (const [recipe, { packages }] of recipes) assert.ok(packages.includes(name), `${recipe} lacks ${name}`);
  }
  assert.deepEqual(recipes.get("code-interpreter")?.start, { cmd: "/usr/bin/jupyter-server", args: [] });
  for (const { directories } of recipes.values()) assert.ok(directories.includes("/workspace"));
});

test("the fingerprint changes with anything in the recipe and with the release, and with nothing else", () => {
  const recipe = readRecipes(shipped).get("minimal");
  assert.ok(recipe);
  const print = fingerprint(recipe, "bookworm");
  assert.match(print, /^[0-9a-f]{16}$/);
  assert.equal(fingerprint({ ...recipe, name: recipe.name }, "bookworm"), print);
  assert.equal(fingerprint(Object.fromEntries(Object.entries(recipe).reverse()) as typeof recipe, "bookworm"), print);
  for (const other of [
    { ...recipe, packages: [...recipe.packages, "jq"] },
    { ...recipe, remove: [] },
    { ...recipe, files: {} },
  ])
    assert.notEqual(fingerprint(other, "bookworm"), print);
  assert.notEqual(fingerprint(recipe, "trixie"), print);
});

test("a malformed recipe, or one named unlike its folder, is told by its file", () => {
  mkdirSync(join(etc, "odd"));
  writeFileSync(join(etc, "odd/recipe.json"), JSON.stringify({ name: "odd", packages: ["--option"] }));
  rmSync(join(etc, "apt"), { recursive: true });
  assert.throws(() => readRecipes(etc), /odd\/recipe\.json/);
});

test("on Debian the host's own archive is used, with its mirror and key, and no third party's", () => {
  osRelease("debian", "bookworm");
  writeFileSync(
    join(etc, "apt/sources.list.d/debian.sources"),
    "Types: deb\n# a comment\nURIs: http://mirror.example/debian\nSuites: bookworm bookworm-updates\nComponents: main\nSigned-By: /k.gpg\n\nTypes: deb\nURIs: http://mirror.example/debian-security\nSuites: bookworm-security\nComponents:\n main\nSigned-By: /k.gpg\n",
  );
  writeFileSync(
    join(etc, "apt/sources.list.d/other.sources"),
    "Types: deb\nURIs: https://third.example/apt\nSuites: bookworm\nComponents: main\n",
  );
  writeFileSync(join(etc, "apt/sources.list"), "deb https://third.example/debian stable main\n# deb http://x/debian bookworm main\n");
  assert.deepEqual(chooseSources("", "trixie", etc), {
    suite: "bookworm",
    lines: [
      "deb [signed-by=/k.gpg] http://mirror.example/debian bookworm main",
      "deb [signed-by=/k.gpg] http://mirror.example/debian bookworm-updates main",
      "deb [signed-by=/k.gpg] http://mirror.example/debian-security bookworm-security main",
    ],
  });
});

test("elsewhere Debian's default mirror and the recipe's release are used, and the setting goes before all", () => {
  osRelease("fedora", "");
  assert.deepEqual(chooseSources("", "trixie", etc), { suite: "trixie", lines: neutralSources("trixie") });
  assert.deepEqual(chooseSources("http://m/debian", "trixie", etc), { suite: "trixie", lines: ["deb http://m/debian trixie main"] });
  osRelease("debian", "bookworm");
  assert.deepEqual(chooseSources("", "trixie", etc), { suite: "bookworm", lines: neutralSources("bookworm") });
});

test("both forms of source lists are read, the disabled and the malformed left out", () => {
  assert.deepEqual(
    oneLine("deb [arch=amd64 signed-by=/k] http://m/debian sid main contrib\ndeb-src http://m/debian sid main\ndeb http://m\nnonsense"),
    [{ uri: "http://m/debian", suite: "sid", signedBy: "/k" }],
  );
  assert.deepEqual(
    deb822(
      "Enabled: no\nTypes: deb\nURIs: http://m/debian\nSuites: sid\nComponents: main\n\n:\n\nTypes: deb-src\nURIs: x\nSuites: y\nComponents: main",
    ),
    [],
  );
});

test("progress never goes back, ends below 1 until the tree is finished, and names the package", () => {
  const seen: { step: string; fraction: number }[] = [];
  const progress = new BuilderProgress((one) => seen.push(one));
  progress.feed(
    "I: running apt-get update...\n0 upgraded, 2 newly installed, 0 to remove\nGet:1 http://m a\nGet:2 http://m b\nSetting up a (1) ...\nSett",
  );
  progress.feed("ing up b:amd64 (2) ...\r\nI: cleaning package lists and apt cache...\n");
  assert.ok(seen.every(({ fraction }, index) => fraction >= (seen[index - 1]?.fraction ?? 0)));
  assert.ok(seen.some(({ step }) => step === "installing b"));
  assert.ok((seen.at(-1)?.fraction ?? 1) < 1);
});

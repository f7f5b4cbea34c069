import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const root = fileURLToPath(new URL("../", import.meta.url));
const LANGUAGES = ["typescript", "python"] as const;

const table = z
  .strictObject({
    about: z.string(),
    behaviours: z.array(z.strictObject({ id: z.string().regex(/^[a-z]+\.[a-z0-9-]+$/), says: z.string().min(20) })),
    missing: z.strictObject({ typescript: z.array(z.string()), python: z.array(z.string()) }),
  })
  .parse(JSON.parse(readFileSync(join(root, "sdk/behaviours.json"), "utf8")));

/** Where each language's tests are, and what says that a test has the real server. */
const SUITES: Readonly<
  Record<(typeof LANGUAGES)[number], { readonly files: readonly string[]; readonly isReal: (file: Test) => boolean }>
> = {
  typescript: {
    files: ["sdk/typescript/tests/*.test.ts", "acceptance/tests/sdk-typescript*.test.ts"],
    isReal: ({ name }) => name.startsWith("acceptance/"),
  },
  python: {
    files: ["sdk/python/tests/*.py"],
    isReal: ({ text, at }) => /^pytestmark = pytest\.mark\.server$/m.test(text) || markedHere(text, at),
  },
};

/** A test that names a behaviour: its file, and where in it. */
interface Test {
  readonly name: string;
  readonly text: string;
  readonly at: number;
}

/** Whether the decorators around this place, up to their function, say that the test needs a server. */
function markedHere(text: string, at: number): boolean {
  const from = text.lastIndexOf("\n\n", at);
  return /^@pytest\.mark\.server$/m.test(text.slice(from, text.indexOf("\ndef ", at)));
}

/** The ids that a language's tests against a real server name, and those that any of its tests names. */
function provedBy(language: (typeof LANGUAGES)[number]): { readonly really: ReadonlySet<string>; readonly named: ReadonlySet<string> } {
  const [really, named] = [new Set<string>(), new Set<string>()];
  const { files, isReal } = SUITES[language];
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...files], {
    cwd: root,
    encoding: "utf8",
  });
  for (const name of listed.split("\n").filter((line) => line !== "")) {
    const text = readFileSync(join(root, name), "utf8");
    for (const { 1: id = "", index } of text.matchAll(/\bbehaviour\(\s*["']([^"']+)["']/g)) {
      named.add(id);
      if (isReal({ name, text, at: index })) really.add(id);
    }
  }
  return { really, named };
}

const ids = table.behaviours.map(({ id }) => id);

test("the table of behaviours names each once", () => {
  assert.deepEqual(
    ids.filter((id, index) => ids.indexOf(id) !== index),
    [],
  );
});

for (const language of LANGUAGES) {
  test(`the ${language} SDK proves every behaviour of sdk/behaviours.json against a real server, but for those that it is listed to miss`, () => {
    const { really: proved, named } = provedBy(language);
    const missing = table.missing[language];
    assert.deepEqual(
      ids.filter((id) => !proved.has(id) && !missing.includes(id)),
      [],
      `prove each with a test that has the real server and names it: behaviour("id"), in ${SUITES[language].files.join(" or ")}`,
    );
    assert.deepEqual(
      missing.filter((id) => proved.has(id) || !ids.includes(id)),
      [],
      `take each out of missing.${language}: it is proved, or no behaviour`,
    );
    assert.deepEqual(
      [...named].filter((id) => !ids.includes(id)),
      [],
      "a test names a behaviour that is not in the table",
    );
  });
}

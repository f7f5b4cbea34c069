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

/** Where each language's tests are. */
const SUITES: Readonly<Record<(typeof LANGUAGES)[number], readonly string[]>> = {
  typescript: ["sdk/typescript/tests/*.test.ts", "acceptance/tests/sdk-typescript*.test.ts"],
  python: ["sdk/python/tests/*.py"],
};

/** The ids that a language's tests name, each with its files. */
function provedBy(language: (typeof LANGUAGES)[number]): Map<string, string[]> {
  const found = new Map<string, string[]>();
  const listed = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "--", ...SUITES[language]], {
    cwd: root,
    encoding: "utf8",
  });
  for (const file of listed.split("\n").filter((name) => name !== "")) {
    for (const [, id = ""] of readFileSync(join(root, file), "utf8").matchAll(/\bbehaviour\(\s*["']([^"']+)["']/g)) {
      found.set(id, [...(found.get(id) ?? []), file]);
    }
  }
  return found;
}

const ids = table.behaviours.map(({ id }) => id);

test("the table of behaviours names each once", () => {
  assert.deepEqual(
    ids.filter((id, index) => ids.indexOf(id) !== index),
    [],
  );
});

for (const language of LANGUAGES) {
  test(`the ${language} SDK proves every behaviour of sdk/behaviours.json that it is not listed to miss`, () => {
    const proved = provedBy(language);
    const missing = table.missing[language];
    assert.deepEqual(
      ids.filter((id) => !proved.has(id) && !missing.includes(id)),
      [],
      `prove each with a test that names it: behaviour("id"), in ${SUITES[language].join(" or ")}`,
    );
    assert.deepEqual(
      missing.filter((id) => proved.has(id) || !ids.includes(id)),
      [],
      `take each out of missing.${language}: it is proved, or no behaviour`,
    );
    assert.deepEqual(
      [...proved.keys()].filter((id) => !ids.includes(id)),
      [],
      "a test names a behaviour that is not in the table",
    );
  });
}

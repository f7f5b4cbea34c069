import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

test("llms.txt leads to documents that are there", () => {
  const links = [...readFileSync(join(root, "llms.txt"), "utf8").matchAll(/\]\(([^)]+)\)/g)].map(([, link = ""]) => link);
  assert.ok(links.length > 10);
  assert.deepEqual(
    links.filter((link) => !existsSync(join(root, link))),
    [],
  );
});

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { OPERATION_LIST } from "@capsuled/contract";
import { z } from "zod";

const source = fileURLToPath(new URL("../src", import.meta.url));
const list = z
  .object({ typescript: z.array(z.string()) })
  .parse(JSON.parse(readFileSync(fileURLToPath(new URL("../../operations-without-method.json", import.meta.url)), "utf8"))).typescript;

/** The operations that the SDK's own code asks for, by their ids. */
function asked(): ReadonlySet<string> {
  const ids = new Set(OPERATION_LIST.map(({ id }) => id));
  const found = new Set<string>();
  for (const file of readdirSync(source, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".ts") || file.startsWith("contract")) continue;
    for (const [, text = ""] of readFileSync(join(source, file), "utf8").matchAll(/"([a-z][A-Za-z]+)"/g))
      if (ids.has(text)) found.add(text);
  }
  return found;
}

test("every operation of the contract has a method in the TypeScript SDK, or is listed to have none yet", () => {
  const found = asked();
  const without = OPERATION_LIST.map(({ id }) => id).filter((id) => !found.has(id));
  assert.ok(found.size > 30, "the look at the source found too little to mean anything");
  assert.deepEqual(
    without.filter((id) => !list.includes(id)),
    [],
    "run `npm run generate`, then give each a method in sdk/typescript/src (and in sdk/python), or list it in sdk/operations-without-method.json",
  );
  assert.deepEqual(
    list.filter((id) => !without.includes(id)),
    [],
    "take these out of sdk/operations-without-method.json: they have a method, or are no operations",
  );
});

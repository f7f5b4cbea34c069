import { readFileSync } from "node:fs";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";
import { z } from "zod";

const table = z
  .object({ behaviours: z.array(z.object({ id: z.string(), says: z.string() })) })
  .parse(JSON.parse(readFileSync(fileURLToPath(new URL("../behaviours.json", import.meta.url)), "utf8")));

/** A test that proves a behaviour of `sdk/behaviours.json`; its name is the behaviour's own sentence. */
export function behaviour(id: string, run: (context: TestContext) => Promise<void> | void): void {
  const found = table.behaviours.find((one) => one.id === id);
  if (found === undefined) throw new Error(`${id} is no behaviour of sdk/behaviours.json`);
  void test(`${id}: ${found.says}`, { timeout: 120_000 }, run);
}

import assert from "node:assert/strict";
import { test } from "node:test";
import { createFakeTemplates } from "./templates.ts";

test("a template is built once, however many ask, and each hears of the progress", async () => {
  const store = createFakeTemplates({ built: [], buildMs: 20 });
  assert.equal((await store.find("minimal"))?.state, "missing");
  const heard: number[][] = [[], []];
  const builds = heard.map((fractions) => store.ensure("minimal", ({ fraction }) => fractions.push(fraction)));
  assert.equal((await store.find("minimal"))?.state, "building");
  await Promise.all(builds);
  await store.ensure("minimal");
  assert.equal(store.builds.get("minimal"), 1);
  for (const fractions of heard) assert.equal(fractions.at(-1), 1);
  const template = await store.find("minimal");
  assert.ok(template?.state === "ready" && (template.sizeBytes ?? 0) > 0 && template.failure === null);
});

test("a build that fails says why, and can be tried again", async () => {
  const store = createFakeTemplates({ built: [], failures: { minimal: "E: no network" } });
  await assert.rejects(store.ensure("minimal"), /E: no network/);
  assert.deepEqual(await store.find("minimal"), {
    name: "minimal",
    state: "failed",
    sizeBytes: null,
    builtAt: null,
    failure: "E: no network",
    progress: null,
    startCommand: null,
  });
  await assert.rejects(store.ensure("minimal"), /E: no network/);
  assert.equal(store.builds.get("minimal"), 2);
});

test("a name without a recipe is not there", async () => {
  const store = createFakeTemplates({ recipes: ["one"] });
  assert.equal(await store.find("two"), undefined);
  await assert.rejects(store.ensure("two"), /no recipe/);
  assert.deepEqual(
    (await store.list()).map((template) => template.name),
    ["one"],
  );
});

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { after, before } from "node:test";
import type { BuildProgress, Template, TemplateStore } from "../../../core/ports/templates.ts";
import { TemplateMissingError } from "../../../core/ports/driver.ts";
import type { OciWorld } from "../testing/oci-world.ts";
import { CANNOT_RUN, createOciWorld } from "../testing/oci-world.ts";
import { chooseSources } from "./apt-sources.ts";
import { fingerprint, readRecipes } from "./recipe.ts";
import { createTemplateStore } from "./template-store.ts";

const options = { skip: CANNOT_RUN };
let world: OciWorld;
let recipesDir: string;
before(async () => {
  if (CANNOT_RUN !== false) return;
  world = await createOciWorld();
  recipesDir = mkdtempSync(join(tmpdir(), "capsuled-recipes-"));
  mkdirSync(join(recipesDir, "small"));
  const recipe = {
    name: "small",
    description: "",
    suite: "bookworm",
    packages: ["dash"],
    directories: [],
    files: {},
    remove: [],
    exclude: [],
    include: [],
  };
  writeFileSync(join(recipesDir, "small/recipe.json"), JSON.stringify(recipe));
});
after(async () => {
  await world?.close();
  if (recipesDir !== undefined) rmSync(recipesDir, { recursive: true, force: true });
});

/** Nobody listens on port 1: every download fails at once. */
const store = (): TemplateStore =>
  createTemplateStore({ ...world.options, recipesDir, templateMirror: "http://127.0.0.1:1/debian" }, () => Promise.resolve(world.host));

test("a build that fails is told with the builder's last lines, to everyone who waits, and leaves nothing", options, async () => {
  const templates = store();
  const seen: BuildProgress[] = [];
  const told: Promise<Template | undefined>[] = [];
  const first = templates.ensure("small", (progress) => {
    seen.push(progress);
    told.push(templates.find("small"));
  });
  const both = await Promise.allSettled([first, templates.ensure("small")]);
  for (const outcome of both) {
    assert.ok(outcome.status === "rejected");
    assert.match(String(outcome.reason), /small could not be built[^]*127\.0\.0\.1/);
  }
  assert.equal(seen[0]?.fraction, 0);
  const [then] = await Promise.all(told);
  assert.deepEqual([then?.state, then?.progress], ["building", seen[0]]);
  assert.deepEqual(readdirSync(join(world.host.layout.templatesDir, "small")), []);
  const found = await templates.find("small");
  assert.equal(found?.state, "failed");
  assert.match(found?.failure ?? "", /127\.0\.0\.1/);
});

test("what is built is ready at once and not built again", options, async () => {
  const templates = store();
  const recipe = readRecipes(recipesDir).get("small");
  assert.ok(recipe);
  const build = fingerprint(recipe, chooseSources("x", recipe.suite).suite);
  const dir = join(world.host.layout.templatesDir, "small");
  mkdirSync(join(dir, build), { recursive: true });
  writeFileSync(join(dir, "current"), build);
  writeFileSync(join(dir, `${build}.json`), '{"sizeBytes":12,"startCommand":{"cmd":"/bin/sh","args":["-c","true"]}}');
  await templates.ensure("small");
  const builtAt = Math.floor(statSync(join(dir, "current")).mtimeMs);
  assert.deepEqual(await templates.find("small"), {
    name: "small",
    state: "ready",
    sizeBytes: 12,
    builtAt,
    failure: null,
    progress: null,
    startCommand: { cmd: "/bin/sh", args: ["-c", "true"] },
  });
  assert.deepEqual(
    (await templates.list()).map(({ name, state }) => `${name} ${state}`),
    ["small ready", "tiny ready"],
  );
});

test("a name without a build and a recipe is no template", options, async () => {
  const templates = store();
  for (const name of ["nope", "../small", "", "a/b"]) {
    assert.equal(await templates.find(name), undefined);
    await assert.rejects(templates.ensure(name), TemplateMissingError);
  }
});

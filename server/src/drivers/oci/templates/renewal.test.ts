import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { afterEach, beforeEach } from "node:test";
import { CANNOT_RUN, createOciWorld } from "../testing/oci-world.ts";
import type { OciWorld } from "../testing/oci-world.ts";
import { createTemplateStore } from "./template-store.ts";

/** In the builder's place: copies the template `tiny` once its gate is opened, or fails as its gate says, and writes down its packages. */
const STAND_IN = `#!/bin/sh
for one; do case "$one" in --include=*) packages="\${one#--include=}";; */.unfinished-*) target="$one";; esac; done
[ "$(cat "$GATE")" = go ] || { echo "E: no network" >&2; exit 1; }
cp -a "$TINY/." "$target" && echo "$packages" > "$target/etc/packages"
`;

let world: OciWorld;
let dir: string;
let gate: string;
beforeEach(async () => {
  if (CANNOT_RUN !== false) return;
  world = await createOciWorld();
  dir = mkdtempSync(join(tmpdir(), "capsuled-renewal-"));
  gate = join(dir, "gate");
  execFileSync("mkfifo", [gate]);
  mkdirSync(join(dir, "recipes/small"), { recursive: true });
  mkdirSync(join(dir, "bin"));
  writeFileSync(join(dir, "bin/mmdebstrap"), STAND_IN);
  chmodSync(join(dir, "bin/mmdebstrap"), 0o755);
});
afterEach(async () => {
  await world?.close();
  if (dir !== undefined) rmSync(dir, { recursive: true, force: true });
});

function recipeOf(...packages: readonly string[]): void {
  const rest = { directories: [], files: {}, remove: [], exclude: [], include: [] };
  const recipe = { name: "small", description: "", suite: "bookworm", packages, ...rest };
  writeFileSync(join(dir, "recipes/small/recipe.json"), JSON.stringify(recipe));
}

/** A server's store of templates: a new one is what a start makes. */
function store() {
  const { templatesDir } = world.host.layout;
  const tiny = join(templatesDir, "tiny", readFileSync(join(templatesDir, "tiny/current"), "utf8"));
  const buildEnv = { PATH: `${dir}/bin:/usr/sbin:/usr/bin:/sbin:/bin`, GATE: gate, TINY: tiny };
  return createTemplateStore({ ...world.options, recipesDir: join(dir, "recipes"), buildEnv }, () => Promise.resolve(world.host));
}

/** Lets the builder at the gate go on; waits until one is there. */
async function openGate(word = "go"): Promise<void> {
  const file = await open(gate, "w");
  await file.write(word);
  await file.close();
}

const builds = (): readonly string[] =>
  readdirSync(join(world.host.layout.templatesDir, "small")).filter((name) => /^[0-9a-f]{16}$/.test(name));
const options = { skip: CANNOT_RUN, timeout: 120_000 };

test(
  "a template whose recipe has changed is built anew beside the old one, which is in use until the new one is whole",
  options,
  async () => {
    recipeOf("old");
    const first = store();
    await Promise.all([first.ensure("small"), openGate()]);
    assert.deepEqual(await first.outdated(), []);
    const before = await world.launch({ template: "small" });
    recipeOf("old", "new");
    const templates = store();
    assert.deepEqual(await templates.outdated(), ["small"], "another server than the one that built it knows");
    const renewed = templates.ensure("small");
    const gatekeeper = await open(gate, "w");
    assert.equal((await templates.find("small"))?.state, "ready");
    const meanwhile = await world.launch({ template: "small" });
    assert.equal(await meanwhile.sh("cat /etc/packages"), "old\n");
    await gatekeeper.write("go");
    await gatekeeper.close();
    await renewed;
    assert.deepEqual(await templates.outdated(), []);
    const after = await world.launch({ template: "small" });
    assert.equal(await after.sh("cat /etc/packages"), "old,new\n");
    assert.equal(await before.sh("cat /etc/packages"), "old\n", "a capsule goes on with what it began with");
    assert.equal(builds().length, 2);
    for (const { id } of [before, meanwhile]) await world.driver.destroy(id);
    await store().ensure("small");
    assert.equal(builds().length, 1, "the next start removes what nobody has any more");
    assert.equal(await after.sh("cat /etc/packages"), "old,new\n");
  },
);

test("a template that cannot be built anew stays as it was, and is still known to be outdated", options, async () => {
  recipeOf("old");
  await Promise.all([store().ensure("small"), openGate()]);
  recipeOf("new");
  const templates = store();
  const [failed] = await Promise.allSettled([templates.ensure("small"), openGate("stop")]);
  assert.ok(failed.status === "rejected");
  assert.match(String(failed.reason), /no network/);
  assert.deepEqual([await templates.outdated(), (await templates.find("small"))?.state], [["small"], "ready"]);
  assert.equal(await (await world.launch({ template: "small" })).sh("cat /etc/packages"), "old\n");
  assert.deepEqual(
    readdirSync(join(world.host.layout.templatesDir, "small")).filter((name) => name.startsWith(".")),
    [],
  );
});

test("a template that was never built, and one without a recipe, are not outdated", options, async () => {
  recipeOf("any");
  assert.deepEqual(await store().outdated(), []);
});

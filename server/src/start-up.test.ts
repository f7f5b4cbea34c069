import assert from "node:assert/strict";
import { test } from "node:test";
import type { Template, TemplateStore } from "./core/ports/templates.ts";
import { CannotStartError, requireOwnDatabase, requireTemplate } from "./start-up.ts";

const template = (state: Template["state"]): Template => ({ name: "t", state, sizeBytes: null, builtAt: null, failure: null });

/** A store with one template; `build` is what its `ensure` does. */
function store(found: Template | undefined, build: TemplateStore["ensure"]): TemplateStore {
  return { list: async () => [], find: async () => found, ensure: build };
}

async function said(templates: TemplateStore): Promise<readonly string[]> {
  const lines: string[] = [];
  await requireTemplate(templates, "t", (line) => lines.push(line));
  return lines;
}

test("a ready template whose recipe has changed is built again at the start, and one that is current says nothing", async () => {
  const changed = store(template("ready"), async (_name, onProgress) => onProgress?.({ step: "unpack", fraction: 0.5 }));
  assert.deepEqual(await said(changed), ["building the template t; the next start finds it ready", "t:  50 % unpack", "t: ready"]);
  assert.deepEqual(await said(store(template("ready"), async () => {})), []);
});

test("a template that cannot be built anew stays as it was; one that never was built stops the start", async () => {
  const failing = async (): Promise<void> => {
    throw new Error("no network");
  };
  const [line] = await said(store(template("ready"), failing));
  assert.match(line ?? "", /earlier build stays in use: no network/);
  await assert.rejects(said(store(template("missing"), failing)), /no network/);
  await assert.rejects(said(store(undefined, failing)), CannotStartError);
});

test("an empty database beside capsules on the host stops the start, since nothing of theirs may be lost; an installation's first start goes on", async () => {
  const host = (count: number) => ({
    list: async () => Array.from({ length: count }, () => ({ capsuleId: "cl-x", state: "gone" as const })),
  });
  await assert.rejects(
    requireOwnDatabase(host(2), async () => 0),
    /2 capsules of this installation .* put the database back/,
  );
  await requireOwnDatabase(host(0), async () => 0);
  await requireOwnDatabase(host(2), async () => 1);
});

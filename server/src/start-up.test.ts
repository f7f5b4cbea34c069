import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import type { Template, TemplateStore } from "./core/ports/templates.ts";
import { CannotStartError, listening, requireAddress, requireOwnDatabase, requireTemplate } from "./start-up.ts";

const template = (state: Template["state"]): Template => ({
  name: "t",
  state,
  sizeBytes: null,
  builtAt: null,
  failure: null,
  progress: null,
  startCommand: null,
});

/** A store with one template; `build` is what its `ensure` does. */
function store(found: Template | undefined, build: TemplateStore["ensure"]): TemplateStore {
  return { list: async () => [], find: async () => found, outdated: async () => [], ensure: build };
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

test("a build of hundreds of packages tells each tenth and each kind of step once", async () => {
  const building = store(template("missing"), async (_name, onProgress) => {
    for (const [step, fraction] of [
      ["installing liba", 0.41],
      ["installing libb", 0.42],
      ["installing libc", 0.51],
      ["cleaning up", 0.52],
    ] as const)
      onProgress?.({ step, fraction });
  });
  assert.deepEqual((await said(building)).slice(1, -1), ["t:  40 % installing liba", "t:  50 % installing libc", "t:  50 % cleaning up"]);
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

test("a build that says nothing new tells every 15 s that it goes on, and nothing once it is done", async (t) => {
  t.mock.timers.enable({ apis: ["setInterval", "Date"] });
  const lines = await said(
    store(template("missing"), async (_name, onProgress) => {
      t.mock.timers.tick(15_000);
      onProgress?.({ step: "unpack", fraction: 0.5 });
      for (const ms of [15_000, 15_000, 1000]) t.mock.timers.tick(ms);
    }),
  );
  t.mock.timers.tick(60_000);
  assert.deepEqual(lines.slice(1), ["t:  50 % unpack", "t:  50 % unpack, 30 s so far", "t:  50 % unpack, 45 s so far", "t: ready"]);
});

test("an address that cannot be had stops the start with one line that says what to do", async () => {
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const address = taken.address();
  assert.ok(address !== null && typeof address === "object");
  const listen = (port: number, host: string): Promise<void> =>
    new Promise((resolve, reject) => createServer().once("error", reject).listen(port, host, resolve));
  try {
    const { port } = address;
    await assert.rejects(listening({ listen: () => listen(port, "127.0.0.1") }, { host: "127.0.0.1", port }), (error) => {
      assert.ok(error instanceof CannotStartError);
      assert.match(error.message, new RegExp(`^127\\.0\\.0\\.1:${port}: another program listens there.*CAPSULED_PORT$`));
      return true;
    });
    await assert.rejects(
      listening({ listen: () => listen(0, "203.0.113.1") }, { host: "203.0.113.1", port: 0 }),
      /no such address; set CAPSULED_HOST/,
    );
    await assert.rejects(requireAddress({ host: "127.0.0.1", port }), /another program listens there/);
    await requireAddress({ host: "127.0.0.1", port: 0 });
    const other = new Error("something else");
    await assert.rejects(listening({ listen: () => Promise.reject(other) }, { host: "x", port: 1 }), (error) => error === other);
  } finally {
    taken.close();
  }
});

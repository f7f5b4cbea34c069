import assert from "node:assert/strict";
import test from "node:test";
import { templateCreate } from "@capsuled/contract";
import type { z } from "zod";
import { createAgentLink } from "../../agent-link/link.ts";
import type { FakeDriver } from "../../drivers/fake/driver.ts";
import { createIds } from "../../lib/node/ids.ts";
import { createCapsule, exec } from "../../testing/ask.ts";
import type { World, WorldOptions } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import type { ImageDefaults, TemplateImages } from "../ports/images.ts";
import { ImageError } from "../ports/images.ts";
import { openSettings } from "../template/settings.ts";
import type { BuildRecord } from "./record.ts";

const DEFAULTS: ImageDefaults = { envs: { FROM_IMAGE: "yes" }, user: null, cwd: "/root", entrypoint: ["sh"], cmd: ["-c", "echo began"] };
const never = (): AbortSignal => new AbortController().signal;

/** Images whose one file says how often one was unpacked. */
class CountedImages implements TemplateImages {
  readonly #driver: FakeDriver;
  readonly unpacked: string[] = [];
  failure: Error | null = null;
  /** What every unpacking waits for. */
  gate: Promise<void> = Promise.resolve();
  digest = `sha256:${"1".repeat(64)}`;

  constructor(driver: FakeDriver) {
    this.#driver = driver;
  }

  resolve(): ReturnType<TemplateImages["resolve"]> {
    return Promise.resolve({ digest: this.digest, defaults: DEFAULTS });
  }

  async unpack(...[, digest, snapshotId, diskMb, work]: Parameters<TemplateImages["unpack"]>): ReturnType<TemplateImages["unpack"]> {
    this.unpacked.push(digest);
    await this.gate;
    work.onLine("unpacking");
    const { next, hex } = createIds();
    const agentSecret = hex(32);
    const spec = {
      capsuleId: next("cl"),
      template: "minimal",
      vcpus: 1,
      memoryMb: 64,
      diskMb,
      pidsMax: 16,
      hostname: "image",
      agentSecret,
    };
    const handle = await this.#driver.launch(
      { ...spec, egress: "none", disk: "new", snapshotId: null, sourceId: null, previous: "agent_lost" },
      never(),
    );
    const link = createAgentLink(spec.capsuleId, agentSecret, () => this.#driver.openAgent(handle));
    const start = {
      id: next("pr"),
      cmd: "sh",
      args: ["-c", `mkdir /image; mkdir /image/srv; echo ${this.unpacked.length} > /image/srv/file`],
    };
    const how = { env: {}, cwd: "/", tag: "", stdin: false, timeoutMs: 0, foreground: true, busy: false, onDisconnect: "kill" } as const;
    await link.run({ ...start, ...how }, null, 1000, never());
    link.close();
    const taken = this.#driver.snapshots?.takeTree(handle, snapshotId, "image");
    const { sizeBytes } = (await taken) ?? { sizeBytes: 0 };
    await this.#driver.destroy(spec.capsuleId);
    if (this.failure !== null) throw this.failure;
    return { sizeBytes };
  }
}

async function withImages(act: (world: World, images: CountedImages) => Promise<void>, options: WorldOptions = {}): Promise<void> {
  const made: CountedImages[] = [];
  const images = (driver: FakeDriver): TemplateImages => {
    const own = new CountedImages(driver);
    made.push(own);
    return own;
  };
  const world = await createWorld({ ...options, images });
  try {
    const [own] = made;
    assert.ok(own !== undefined);
    await act(world, own);
  } finally {
    await world.close();
  }
}

const FROM = { image: { reference: "some/image" } } as const;
const build = (world: World, given: z.input<typeof templateCreate>): Promise<BuildRecord> =>
  world.builds.start(world.principal, templateCreate.parse({ wait_ms: 60_000, from: FROM, ...given }));
async function text(world: World, id: string, line: string): Promise<string> {
  const outcome = await exec(world, id, { cmd: "sh", args: ["-c", line] });
  return outcome.kind === "ended" ? Buffer.from(outcome.stdout).toString() : outcome.kind;
}
const snapshots = async (world: World): Promise<number> => (await world.driver.snapshots?.list())?.length ?? 0;

test("a template of an image has its files, and its variables below the recipe's", () =>
  withImages(async (world) => {
    const record = await build(world, { name: "of-image", envs: { OWN: "1" }, steps: [{ run: "echo step > /srv/step" }] });
    assert.deepEqual([record.state, record.reason], ["ready", null]);
    const { id } = await createCapsule(world, { template: "of-image" });
    assert.equal(await text(world, id, "cat /srv/file; cat /srv/step; echo $FROM_IMAGE $OWN"), "1\nstep\nyes 1\n");
    assert.equal((await world.driver.list()).length, 1);
  }));

test("an image is unpacked once for as long as its digest is the same, unless the cache is not wanted", () =>
  withImages(async (world, images) => {
    await build(world, { name: "one" });
    await build(world, { name: "two", from: { image: { reference: "another/name" } } });
    assert.equal(images.unpacked.length, 1);
    await build(world, { name: "three", use_cache: false });
    assert.equal(images.unpacked.length, 2);
    images.digest = `sha256:${"2".repeat(64)}`;
    await build(world, { name: "four" });
    assert.equal(images.unpacked.length, 3);
    assert.equal(await snapshots(world), 4 + 2, "four templates, and one layer of each digest");
  }));

test("two builds of one image at once unpack it once; the second goes on when the first has begun with it, or unpacks after its failure", () =>
  withImages(async (world, images) => {
    for (const failure of [new ImageError("unauthorized", "It needs a password."), null]) {
      const gate = Promise.withResolvers<void>();
      Object.assign(images, { gate: gate.promise, failure, unpacked: [], digest: `sha256:${(failure === null ? "3" : "4").repeat(64)}` });
      const both = ["first", "second"].map((name) => build(world, { name: `${name}${failure === null ? "" : "-not"}` }));
      while (images.unpacked.length === 0 || world.deps.unpackings.size === 0) await new Promise((done) => setImmediate(done));
      gate.resolve();
      const states = (await Promise.all(both)).map(({ state }) => state);
      assert.deepEqual(states, failure === null ? ["ready", "ready"] : ["failed", "failed"]);
      assert.equal(images.unpacked.length, failure === null ? 1 : 2);
      assert.equal(world.deps.unpackings.size, 0);
    }
  }));

test("a build that waits for another's unpacking can be cancelled, and the other goes on", () =>
  withImages(async (world, images) => {
    const gate = Promise.withResolvers<void>();
    images.gate = gate.promise;
    const first = build(world, { name: "first" });
    while (images.unpacked.length === 0) await new Promise((done) => setImmediate(done));
    const waiting = await build(world, { name: "second", wait_ms: 0 });
    let cancelled = await world.builds.cancel(world.principal, waiting.id);
    while (cancelled.state === "queued" || cancelled.state === "building") cancelled = await world.builds.get(world.principal, waiting.id);
    assert.equal(cancelled.state, "cancelled");
    gate.resolve();
    assert.equal((await first).state, "ready");
    assert.deepEqual([images.unpacked.length, world.deps.unpackings.size], [1, 0]);
  }));

test("its entry point and command become the start command when that is asked for, and the recipe's own goes before them", () =>
  withImages(async (world) => {
    const commandOf = async (name: string): Promise<unknown> => {
      const { id, sealedSettings } = (await world.deps.teamTemplates.findNamed(world.principal.teamId, name)) ?? {
        id: "",
        sealedSettings: null,
      };
      return openSettings(world.deps.sealer, sealedSettings, id)?.startCommand;
    };
    await build(world, { name: "plain" });
    await build(world, { name: "asked", from: { image: { reference: "some/image", use_entrypoint: true } } });
    const own = { cmd: "sleep", args: ["1000"] };
    await build(world, { name: "own", from: { image: { reference: "some/image", use_entrypoint: true } }, start_command: own });
    assert.deepEqual(
      [await commandOf("plain"), await commandOf("asked"), await commandOf("own")],
      [null, { cmd: "sh", args: ["-c", "echo began"] }, own],
    );
  }));

test("an image that cannot be had fails the build with its words, and nothing of it is left", () =>
  withImages(async (world, images) => {
    images.failure = new ImageError("unauthorized", "It needs a password.");
    const record = await build(world, { name: "never" });
    assert.deepEqual([record.state, record.reason, record.message], ["failed", "base_failed", "It needs a password."]);
    assert.deepEqual([(await world.driver.list()).length, await snapshots(world)], [0, 0]);
  }));

test("without a cache nothing of an image is kept but the templates of it", () =>
  withImages(async (world) => {
    const { deps } = world;
    assert.ok("templateCacheMb" in deps);
    Object.assign(deps, { templateCacheMb: 0 });
    await build(world, { name: "one" });
    assert.equal(await snapshots(world), 1);
  }));

test("a server without images says so", async () => {
  const world = await createWorld();
  try {
    const record = await build(world, { name: "never" });
    assert.deepEqual([record.state, record.reason, record.message], ["failed", "base_failed", "This server makes no templates of images."]);
  } finally {
    await world.close();
  }
});

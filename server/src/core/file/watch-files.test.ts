import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule, exec } from "../../testing/ask.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import { createFileService } from "./create-file-service.ts";
import type { DirectoryWatch, WatchItem } from "./directory-watch.ts";
import { WATCHES_MAX } from "./watch-files.ts";

/** Milliseconds that a test waits for what must come; only one that fails waits so long. */
const WAIT_MS = 20_000;

const watchOf = (world: World, id: string, path = "/tmp", recursive = false): Promise<DirectoryWatch> =>
  createFileService(world.deps).watch(world.principal, id, { path }, recursive);

/** Everything up to the first of that kind. */
async function until(watch: DirectoryWatch, kind: WatchItem["kind"]): Promise<readonly WatchItem[]> {
  const seen: WatchItem[] = [];
  while (!seen.some((item) => item.kind === kind)) {
    const items = await watch.next(WAIT_MS);
    assert.ok(items.length > 0, `${kind} did not come behind ${JSON.stringify(seen)}`);
    seen.push(...items);
  }
  return seen;
}

test("changes, the pause and the resumption of the capsule are told, and none of it is activity", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const watch = await watchOf(world, id);
  const live = world.deps.live.get(id);
  const before = live?.lastActiveAt;
  world.clock.advance(60_000);
  assert.deepEqual([live?.busy, live?.lastActiveAt, live?.watches], [0, before, 1]);
  assert.deepEqual(await watch.next(0), [{ kind: "idle" }]);
  await exec(world, id, { cmd: "sh", args: ["-c", "echo x > /tmp/f"] });
  const [first] = await until(watch, "created");
  assert.deepEqual(first, { kind: "created", path: "/tmp/f", isDirectory: false });
  await world.capsules.pause(world.principal, id);
  await until(watch, "paused");
  await assert.rejects(watchOf(world, id), { code: "invalid_state" });
  await world.capsules.resume(world.principal, id, 4000);
  await until(watch, "resumed");
  watch.close();
  assert.deepEqual(await watch.next(WAIT_MS), []);
  await world.close();
});

test("a watch ends with the reason: the directory is gone, the capsule was stopped or destroyed, or the watch was lost", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const ended = async (watch: DirectoryWatch): Promise<WatchItem | undefined> => {
    const last = (await until(watch, "ended")).at(-1);
    assert.deepEqual(await watch.next(WAIT_MS), [], "nothing comes behind it");
    return last;
  };
  const files = createFileService(world.deps);
  await files.makeDirectory(world.principal, id, { path: "/tmp/gone" });
  const gone = await watchOf(world, id, "/tmp/gone", true);
  await files.remove(world.principal, id, { path: "/tmp/gone" }, true);
  assert.deepEqual(await ended(gone), { kind: "ended", reason: "removed" });
  const stopped = await watchOf(world, id);
  await world.capsules.stop(world.principal, id);
  assert.deepEqual(await ended(stopped), { kind: "ended", reason: "capsule_stopped" });
  await world.capsules.start(world.principal, id, 4000);
  const destroyed = await watchOf(world, id);
  await world.capsules.pause(world.principal, id);
  await world.capsules.destroy(world.principal, id);
  assert.deepEqual(await ended(destroyed), { kind: "ended", reason: "capsule_destroyed" });
  const { id: other } = await createCapsule(world);
  const lost = await watchOf(world, other);
  world.deps.live.get(other)?.link.close();
  assert.deepEqual(await ended(lost), { kind: "ended", reason: "lost" });
  await world.close();
});

test("a capsule has so many watches at once and no more; one that is closed, ends or cannot begin takes no place", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  for (let turn = 0; turn < WATCHES_MAX; turn += 1) await assert.rejects(watchOf(world, id, "/tmp/none"), { code: "not_found" });
  const watches = await Promise.all(Array.from({ length: WATCHES_MAX }, () => watchOf(world, id)));
  await assert.rejects(watchOf(world, id), { code: "process_limit" });
  for (const one of watches.slice(0, 2)) {
    one.close();
    one.close();
  }
  assert.equal(world.deps.live.get(id)?.watches, WATCHES_MAX - 2);
  const again = await watchOf(world, id);
  assert.equal(again.directories, 1);
  await world.close();
});

test("another team's capsule, and one that does not run, are not watched", async () => {
  const world = await createWorld();
  const { id } = await createCapsule(world);
  const stranger = { ...world.principal, teamId: "team-0000000000000000000000000" };
  const files = createFileService(world.deps);
  await assert.rejects(files.watch(stranger, id, { path: "/tmp" }, true), { code: "not_found" });
  await world.capsules.stop(world.principal, id);
  await assert.rejects(watchOf(world, id), { code: "invalid_state" });
  await world.close();
});

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, rmdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TestContext } from "node:test";
import { test } from "node:test";
import { watchGroup } from "./watch.ts";

async function directoryFor(context: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-watch-"));
  context.after(() => rm(directory, { recursive: true }));
  return directory;
}

/** Resolves at the end that is told; the watch itself keeps no process alive. */
async function endOf(directory: string, change: () => Promise<void>): Promise<void> {
  const gone = Promise.withResolvers<void>();
  const alive = setInterval(() => {}, 1000);
  const stop = watchGroup(directory, () => gone.resolve());
  await new Promise((resolve) => setImmediate(resolve));
  await change();
  await gone.promise;
  clearInterval(alive);
  stop();
}

test("a group's end is told when its file changes", async (context) => {
  const directory = await directoryFor(context);
  const file = join(directory, "cgroup.events");
  await writeFile(file, "populated 1\n");
  await endOf(directory, () => writeFile(file, "populated 0\n"));
});

test("a look that fails is made again, and ends neither the watch nor the server", async (context) => {
  const directory = await directoryFor(context);
  const file = join(directory, "cgroup.events");
  // What cannot be read, whyever.
  await mkdir(file);
  await endOf(directory, async () => {
    await new Promise((resolve) => setImmediate(resolve));
    await rmdir(file);
    await writeFile(file, "populated 0\n");
  });
});

test("a group that cannot be watched is looked at again and again", async (context) => {
  const file = join(await directoryFor(context), "cgroup.events");
  // There is nothing to watch yet, and something to be looked at by the time that the first look comes.
  const ended = endOf(dirname(file), () => writeFile(file, "populated 0\n"));
  writeFileSync(file, "populated 1\n");
  await ended;
});

test("a watch that was stopped tells nothing", async (context) => {
  const directory = await directoryFor(context);
  const stop = watchGroup(directory, () => assert.fail("it was stopped"));
  stop();
  await new Promise((resolve) => setImmediate(resolve));
});

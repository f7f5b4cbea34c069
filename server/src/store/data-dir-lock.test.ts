import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import test from "node:test";
import { z } from "zod";
import { lockDataDir } from "./data-dir-lock.ts";
import { DataDirError } from "./data-dir.ts";

const pids = z.object({ pid: z.int(), child: z.int() });

async function readPids(output: Readable): Promise<z.output<typeof pids>> {
  for await (const line of createInterface(output)) return pids.parse(JSON.parse(line));
  throw new Error("the process ended without a word");
}

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-lock-"));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("one lock at a time, also within one process; free again after release, which may be repeated", () =>
  withDirectory(async (directory) => {
    const lock = lockDataDir(directory);
    assert.throws(() => lockDataDir(directory), DataDirError);
    assert.throws(() => lockDataDir(directory), new RegExp(`pid ${process.pid}\\) uses the data directory .*CAPSULED_DATA_DIR`));
    assert.deepEqual(await readdir(directory), ["lock.db", "lock.pid"]);
    for (const name of ["lock.db", "lock.pid"]) assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600);
    lock.release();
    lock.release();
    lockDataDir(directory).release();
  }));

test("a lock that cannot be opened is told of with what to do", () =>
  withDirectory(async (directory) => {
    await mkdir(join(directory, "lock.db"));
    assert.throws(
      () => lockDataDir(directory),
      (error) => error instanceof DataDirError && /another user's.*CAPSULED_DATA_DIR/.test(error.message),
    );
  }));

test("a refused second try in the same process does not open the lock to another process", () =>
  withDirectory(async (directory) => {
    const lock = lockDataDir(directory);
    assert.throws(() => lockDataDir(directory), DataDirError);
    const script = `
      const { lockDataDir } = await import(process.argv[1]);
      try { lockDataDir(process.argv[2]); } catch (error) { process.exit(error.name === "DataDirError" ? 7 : 8); }`;
    const other = spawn(process.execPath, ["--input-type=module", "-e", script, join(import.meta.dirname, "data-dir-lock.ts"), directory], {
      stdio: "inherit",
    });
    assert.deepEqual(await once(other, "exit"), [7, null]);
    lock.release();
  }));

test("a lock whose result was dropped is still held after a garbage collection", () =>
  withDirectory(async (directory) => {
    const script = `
      const { lockDataDir } = await import(process.argv[1]);
      lockDataDir(process.argv[2]);
      for (let round = 0; round < 5; round += 1) { globalThis.gc(); await new Promise(setImmediate); }
      process.stdout.write("ready"); setInterval(() => {}, 1000);`;
    const holder = spawn(
      process.execPath,
      ["--expose-gc", "--input-type=module", "-e", script, join(import.meta.dirname, "data-dir-lock.ts"), directory],
      {
        stdio: ["ignore", "pipe", "inherit"],
      },
    );
    try {
      await once(holder.stdout, "data");
      assert.throws(() => lockDataDir(directory), DataDirError);
    } finally {
      holder.kill("SIGKILL");
      await once(holder, "exit");
    }
  }));

test("a server that was killed leaves no lock, although a child of its still runs", () =>
  withDirectory(async (directory) => {
    const holder = spawn(process.execPath, [join(import.meta.dirname, "testing/hold-lock.ts"), directory], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const { pid, child } = await readPids(holder.stdout);
    try {
      assert.throws(() => lockDataDir(directory), new RegExp(`pid ${pid}\\)`));
      holder.kill("SIGKILL");
      await once(holder, "exit");
      assert.ok(process.kill(child, 0), "the child is alive");
      lockDataDir(directory).release();
    } finally {
      process.kill(child, "SIGKILL");
      holder.kill("SIGKILL");
    }
  }));

import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readFile, rename, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { createIds } from "../lib/node/ids.ts";
import { adminKeyPath, removeAdminKey, writeAdminKey } from "./admin-key-file.ts";
import { DataDirError, ensureDataDir } from "./data-dir.ts";
import { openInstallation } from "./installation.ts";

const ids = createIds();

async function withDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-installation-"));
  try {
    await work(directory);
  } finally {
    await rm(directory, { recursive: true });
  }
}

test("an installation keeps its ids over restarts, also when its directory moved", () =>
  withDirectory(async (directory) => {
    const [here, there] = [join(directory, "here"), join(directory, "there")];
    await ensureDataDir(here);
    const first = await openInstallation(here, "f", ids);
    assert.match(first.installationId, /^[0-9a-f]{16}$/);
    assert.match(first.hostId, /^host-[0-9a-f]{24}$/);
    assert.deepEqual(await openInstallation(here, "f", ids), first);
    await rename(here, there);
    assert.deepEqual(await openInstallation(there, "f", ids), first);
    await symlink(there, here);
    assert.deepEqual(await openInstallation(here, "f", ids), first);
    assert.equal((await stat(join(there, "installation.json"))).mode & 0o777, 0o600);
  }));

test("a copy of a directory that is still there is refused until its own file is removed", () =>
  withDirectory(async (directory) => {
    const [original, copy] = [join(directory, "original"), join(directory, "copy")];
    await ensureDataDir(original);
    const first = await openInstallation(original, "f", ids);
    await cp(original, copy, { recursive: true });
    await assert.rejects(openInstallation(copy, "f", ids), /is a copy of .*original/);
    await rm(join(copy, "installation.json"));
    assert.notEqual((await openInstallation(copy, "f", ids)).installationId, first.installationId);
  }));

test("another sealing key than the one the secrets are under, or a damaged file, is refused", () =>
  withDirectory(async (directory) => {
    await openInstallation(directory, "f", ids);
    await assert.rejects(openInstallation(directory, "g", ids), /sealing key/);
    await writeFile(join(directory, "installation.json"), "{");
    await assert.rejects(openInstallation(directory, "f", ids), DataDirError);
  }));

test("the data directory can be walked through but not listed, and one that others can write is refused", () =>
  withDirectory(async (directory) => {
    const path = join(directory, "a", "b");
    await ensureDataDir(path);
    await ensureDataDir(path);
    assert.equal((await stat(path)).mode & 0o777, 0o711);
    const open = join(directory, "open");
    const umask = process.umask(0);
    await mkdir(open, { mode: 0o777 }).finally(() => process.umask(umask));
    await assert.rejects(ensureDataDir(open), /can be written by others: chmod go-w/);
    await writeFile(join(directory, "file"), "");
    await assert.rejects(ensureDataDir(join(directory, "file")), DataDirError);
  }));

test("the admin key's file is its owner's only and replaced whole", () =>
  withDirectory(async (directory) => {
    await writeAdminKey(directory, "wrn_1");
    await writeAdminKey(directory, "wrn_2");
    assert.equal(await readFile(adminKeyPath(directory), "utf8"), "wrn_2\n");
    assert.equal((await stat(adminKeyPath(directory))).mode & 0o777, 0o600);
    await removeAdminKey(directory);
    await removeAdminKey(directory);
    await assert.rejects(stat(adminKeyPath(directory)), { code: "ENOENT" });
  }));

test("a data directory that no file system makes is refused, and not tried for ever", async () => {
  await assert.rejects(
    ensureDataDir("/proc/capsuled/data"),
    (error) => error instanceof DataDirError && /cannot be made/.test(error.message),
  );
});

import assert from "node:assert/strict";
import { mkdtemp, readFile, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { removeServerAddress, serverAddressPath, writeServerAddress } from "./server-address-file.ts";

test("the address of a running server is told with its pid to everyone who may walk to the file, and taken back", async () => {
  const dir = await mkdtemp(join(tmpdir(), "capsuled-address-"));
  try {
    const path = serverAddressPath(dir);
    for (const [url, told] of [
      ["http://127.0.0.1:9000", "http://127.0.0.1:9000"],
      ["http://0.0.0.0:80", "http://127.0.0.1:80"],
      ["http://[::]:80", "http://[::1]:80"],
    ] as const) {
      await writeServerAddress(dir, url);
      assert.deepEqual(JSON.parse(await readFile(path, "utf8")), { pid: process.pid, url: told });
    }
    assert.equal((await stat(path)).mode & 0o777, 0o644);
    await removeServerAddress(dir);
    await removeServerAddress(dir);
    assert.deepEqual(await readdir(dir), []);
  } finally {
    await rm(dir, { recursive: true });
  }
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { API_VERSION, InvalidRequestError, NotFoundError, WrongServerError } from "capsuled";
import { behaviour } from "../../sdk/testing/behaviour.ts";
import { sendRaw } from "../harness/raw-request.ts";
import { sdkClient } from "../harness/sdk.ts";
import { versionProxy } from "../harness/version-proxy.ts";

behaviour("error.other-version", async () => {
  const told: string[] = [];
  const warn = (message: string): void => void told.push(message);
  {
    await using older = await versionProxy("0.0.9", /^\/v1\/images/);
    const client = sdkClient({ url: older.url, warn });
    await client.keys.list();
    await client.keys.list();
    assert.equal(client.serverVersion, "0.0.9");
    assert.deepEqual([told.length, told[0]?.includes(`0.0.9 and this SDK of ${API_VERSION}`)], [1, true], told.join("\n"));
    await assert.rejects(client.images.delete("im-a"), (error: Error) => {
      assert.ok(error instanceof WrongServerError, String(error));
      assert.ok(error.message.includes(older.url), error.message);
      assert.match(error.message, /is of version 0\.0\.9 and does not know `deleteImage` .* needs 0\.1\.0: update the server/);
      return true;
    });
    // An older server answers for a path that it does not know as if an object were missing: an endpoint of that name, say.
    await assert.rejects(client.runs.get("run-none"), /0\.0\.9 and does not know `getRun`/);
    await assert.rejects(client.endpoints.define("Not A Name", { command: "true" }), (error: Error) => {
      assert.ok(error instanceof InvalidRequestError && error.message.includes("older than this SDK"), error.message);
      return true;
    });
  }
  {
    await using newer = await versionProxy("9.0.0", /^\/v1\/images/);
    const client = sdkClient({ url: newer.url, warn });
    await assert.rejects(client.images.delete("im-a"), /is of version 9\.0\.0 and does not know `deleteImage` .* any more.*update the SDK/);
    assert.deepEqual([told.length, told[1]?.includes("Update the SDK")], [2, true]);
    await assert.rejects(client.runs.get("run-none"), NotFoundError);
  }
  {
    await using next = await versionProxy(API_VERSION.replace(/\d+$/, "999"));
    await sdkClient({ url: next.url, warn }).keys.list();
    assert.equal(told.length, 2, "a later one of the same line is understood");
  }
  await assert.rejects(sdkClient({ url: `${sdkClient().url}/elsewhere` }).keys.list(), /does not know `listKeys`.*check that CAPSULED_URL/);
});

test("a socket that an older server does not know is told as any other operation, at once; one that it refuses is told as before", async () => {
  await using capsule = await sdkClient().capsules.create();
  {
    await using older = await versionProxy("0.0.9", /\/pty$|\/stream$/);
    const client = sdkClient({ url: older.url, warn: () => {} });
    const through = await client.capsules.connect(capsule.id);
    const unknown = (id: string) => (error: Error) => {
      assert.ok(error instanceof WrongServerError, String(error));
      assert.match(error.message, new RegExp(`is of version 0\\.0\\.9 and does not know \`${id}\` .*update the server`));
      return true;
    };
    const began = performance.now();
    await assert.rejects(through.pty.open(), unknown("openTerminal"));
    await assert.rejects(through.commands.stream("true").next(), unknown("execStream"));
    assert.ok(performance.now() - began < 10_000, "nothing is tried again for long");
  }
  {
    await using same = await versionProxy(API_VERSION, /\/pty$/);
    const through = await sdkClient({ url: same.url }).capsules.connect(capsule.id);
    await assert.rejects(through.pty.open(), /does not know `openTerminal`.*check that CAPSULED_URL/);
  }
  await assert.rejects(capsule.pty.connect("no-such-terminal"), (error: Error) => !(error instanceof WrongServerError));
});

test("every answer names the server's version, which is that of every package: routes, unknown paths, sockets, what is no HTTP", async () => {
  const { url } = sdkClient();
  for (const path of ["/healthz", "/v1/capsules", "/no/such/path/at/all", "/docs"]) {
    assert.equal((await fetch(`${url}${path}`)).headers.get("capsuled-version"), API_VERSION, path);
  }
  assert.equal((await fetch(`${url}/v1/capsules`, { method: "OPTIONS" })).headers.get("capsuled-version"), API_VERSION);
  const upgrade =
    "Host: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
  assert.match(await sendRaw(`GET /v1/capsules/cl-a/pty HTTP/1.1\r\n${upgrade}\r\n`), new RegExp(`Capsuled-Version: ${API_VERSION}`));
  assert.match(await sendRaw("no HTTP\r\n\r\n"), new RegExp(`Capsuled-Version: ${API_VERSION}`));
  for (const file of ["contract", "server", "cli", "sdk/typescript"]) {
    const manifest: unknown = JSON.parse(readFileSync(new URL(`../../${file}/package.json`, import.meta.url), "utf8"));
    assert.ok(typeof manifest === "object" && manifest !== null && "version" in manifest && manifest.version === API_VERSION, file);
  }
  assert.ok(readFileSync(new URL("../../sdk/python/src/capsuled/_version.py", import.meta.url), "utf8").includes(`"${API_VERSION}"`));
});

import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { get } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { fileRequest, upload } from "../harness/files.ts";
import { refusedUpgrade } from "../harness/stream.ts";
import { readState } from "../harness/state.ts";
import { waitUntil } from "../harness/wait.ts";
import type { WatchClient } from "../harness/watch.ts";
import { inotifyIn, watchByEvents, watchBySocket, watchPath } from "../harness/watch.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const WAYS: readonly [string, (path: string) => Promise<WatchClient>][] = [
  ["a WebSocket", watchBySocket],
  ["Server-Sent Events", (path) => watchByEvents(path)],
];

for (const [way, open] of WAYS) {
  test(`what processes and callers change is told over ${way}, in order and with its paths`, async () => {
    await capsule.sh("rm -rf /tmp/seen && mkdir -p /tmp/seen/sub");
    await using watch = await open(watchPath(capsule.id, "/tmp/seen"));
    await capsule.sh("cd /tmp/seen && echo x > a && echo y >> a && mv a b && touch sub/unseen && mv b sub/b && mv sub/b c && rm c");
    await upload(capsule.id, "/tmp/seen/up", "one");
    await upload(capsule.id, "/tmp/seen/up", "another");
    await fileRequest(capsule.id, `write?path=${encodeURIComponent("/tmp/seen/line\nbreak")}`, { body: "x" });
    await capsule.python("open(b'/tmp/seen/\\xff', 'w')");
    const raw = await watch.message((message) => "path_base64" in message);
    assert.ok(raw.type === "created" && raw.path_base64 === Buffer.from("/tmp/seen/\xff", "latin1").toString("base64"));
    const changes = await watch.changesTo("created", "/tmp/seen/line\nbreak");
    // Writes of one process in a row may be told as one.
    assert.deepEqual(
      changes.filter((change, at) => change !== changes[at - 1]),
      [
        "created /tmp/seen/a",
        "modified /tmp/seen/a",
        "renamed /tmp/seen/a /tmp/seen/b",
        "removed /tmp/seen/b",
        "created /tmp/seen/c",
        "removed /tmp/seen/c",
        "created /tmp/seen/up",
        "created /tmp/seen/line\nbreak",
      ],
    );
    assert.equal(
      changes.filter((change) => change === "created /tmp/seen/up").length,
      2,
      "each upload is a new file in the old one's place",
    );
    assert.deepEqual(watch.messages[0], { type: "watching", directories: 1, seq: 1 });
  });

  test(`a tree is watched over ${way} as it grows, with copies and archives that appear in it, and its end is told`, async () => {
    await capsule.sh(
      "rm -rf /tmp/tree /tmp/from && mkdir -p /tmp/tree/a /tmp/from && echo x > /tmp/from/f && mkdir /tmp/from/d && touch /tmp/from/d/g",
    );
    await using watch = await open(watchPath(capsule.id, "/tmp/tree", true));
    await capsule.sh("mkdir -p /tmp/tree/n/e/w && echo x > /tmp/tree/n/e/w/f");
    await watch.changesTo("created", "/tmp/tree/n/e/w/f");
    await expectCall("copyFile", 200, { params: { id: capsule.id }, body: { from: "/tmp/from", to: "/tmp/tree/copy" } });
    const changes = await watch.changesTo("created", "/tmp/tree/copy/d/g");
    assert.ok(
      changes.includes("created /tmp/tree/copy/f") && changes.every((change) => !change.includes(".capsuled-")),
      changes.join("\n"),
    );
    await capsule.sh("rm -rf /tmp/tree");
    assert.equal(await watch.reason(), "removed");
  });

  test(`pause, resumption, stop and destruction are told over ${way}, and nothing behind the end`, async () => {
    await using other = await newCapsule();
    const at = { params: { id: other.id } };
    {
      await using watch = await open(watchPath(other.id, "/tmp"));
      await other.pause();
      await watch.message(({ type }) => type === "paused", "paused");
      await other.resume();
      await watch.message(({ type }) => type === "resumed", "resumed");
      await other.sh("touch /tmp/after");
      await watch.changesTo("created", "/tmp/after");
      await expectCall("stopCapsule", 200, at);
      assert.equal(await watch.reason(), "capsule_stopped");
      assert.equal(watch.messages.at(-1)?.type, "ended");
    }
    await expectCall("startCapsule", 200, { ...at, body: { wait_ms: 30_000 } });
    await using watch = await open(watchPath(other.id, "/"));
    await expectCall("destroyCapsule", 204, at);
    assert.equal(await watch.reason(), "capsule_destroyed");
  });

  test(`a client that leaves over ${way} frees what its watch took in the capsule, while it is paused too`, async () => {
    await using other = await newCapsule();
    for (const isPaused of [false, true]) {
      const watches = await Promise.all(Array.from({ length: 4 }, () => open(watchPath(other.id, "/tmp", true))));
      assert.equal(inotifyIn(other.id), 4);
      if (isPaused) await other.pause();
      for (const watch of watches) await watch[Symbol.asyncDispose]();
      if (isPaused) await other.resume();
      await waitUntil(() => inotifyIn(other.id) === 0 || undefined, { what: "the watches to be freed" });
    }
  });
}

/** Far more than the sockets, the server and the kernel's queue hold, each with names as long as they get. */
const FLOOD = `import os
names = ['/tmp/flood/' + c * 255 for c in 'ab']
open(names[0], 'w')
for n in range(100000): os.rename(names[n % 2], names[1 - n % 2])`;

test("a reader that takes too little is told that changes are missing, and sees those that come then", { timeout: 120_000 }, async () => {
  await capsule.sh("mkdir /tmp/flood");
  await using watch = await watchBySocket(watchPath(capsule.id, "/tmp/flood"));
  watch.socket.pause();
  await capsule.python(FLOOD);
  watch.socket.resume();
  await watch.message(({ type }) => type === "overflow", "overflow");
  await capsule.sh("touch /tmp/flood/after");
  const changes = await watch.changesTo("created", "/tmp/flood/after");
  assert.ok(changes.length < 100_000, `${changes.length}`);
});

test("a reader of events that takes too little is told that changes are missing", { timeout: 120_000 }, async () => {
  await capsule.sh("rm -rf /tmp/flood && mkdir /tmp/flood");
  const { url, adminKey } = readState();
  const path = watchPath(capsule.id, "/tmp/flood").replace("/watch?", "/watch/events?");
  const response = await new Promise<IncomingMessage>((resolve, reject) =>
    get(`${url}${path}`, { headers: { "x-api-key": adminKey } }, resolve).on("error", reject),
  );
  assert.equal(response.statusCode, 200);
  // Nothing is read before this.
  await capsule.python(FLOOD);
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) {
    text = text.slice(-100) + String(chunk);
    if (text.includes("event: overflow")) break;
  }
  assert.ok(text.includes("event: overflow"), "the stream ended before it");
});

test("a client that comes back with Last-Event-ID is told that changes are missing", async () => {
  await using watch = await watchByEvents(watchPath(capsule.id, "/tmp"), { "last-event-id": "17" });
  await watch.message(({ type }) => type === "overflow", "overflow");
  assert.deepEqual(
    watch.messages.slice(0, 2).map(({ type }) => type),
    ["watching", "overflow"],
  );
});

test("what cannot be watched is an HTTP error before the upgrade and before the stream", async () => {
  await capsule.sh("echo x > /tmp/file; ln -sfn /tmp/file /tmp/to-file; ln -sfn loop /tmp/loop");
  for (const [path, status, code] of [
    ["/tmp/none", 404, "not_found"],
    ["/tmp/file", 400, "invalid_request"],
    ["/tmp/to-file", 400, "invalid_request"],
    ["/tmp/loop", 400, "invalid_request"],
    ["/tmp/n\0ul", 400, "invalid_request"],
    [`/tmp/${"n".repeat(256)}`, 400, "invalid_request"],
    [`/${"x".repeat(4096)}`, 400, "invalid_request"],
    ["", 400, "invalid_request"],
  ] as const) {
    const refused = await refusedUpgrade(watchPath(capsule.id, path));
    assert.equal(refused.status, status, `${path} ${refused.body}`);
    await expectError("streamFileChanges", code, { params: { id: capsule.id }, query: { path } });
  }
  await expectError("watchFiles", "upgrade_required", { params: { id: capsule.id }, query: { path: "/tmp" } });
  await using other = await newCapsule();
  await other.pause();
  assert.equal((await refusedUpgrade(watchPath(other.id, "/tmp"))).status, 409);
  await expectError("streamFileChanges", "invalid_state", { params: { id: other.id }, query: { path: "/tmp" } });
  assert.equal(inotifyIn(other.id), 0);
});

test("a capsule has 16 watches at once, beside which other work on its files goes on", async () => {
  await using other = await newCapsule();
  const watches = await Promise.all(Array.from({ length: 16 }, () => watchBySocket(watchPath(other.id, "/tmp"))));
  try {
    assert.equal((await refusedUpgrade(watchPath(other.id, "/tmp"))).status, 503);
    await expectError("streamFileChanges", "process_limit", { params: { id: other.id }, query: { path: "/tmp" } });
    await upload(other.id, "/tmp/up", "x");
    for (const watch of watches) await watch.changesTo("created", "/tmp/up");
  } finally {
    for (const watch of watches) await watch[Symbol.asyncDispose]();
  }
  await using again = await waitUntil(() => watchBySocket(watchPath(other.id, "/tmp")).catch(() => undefined), { what: "room" });
  await again.message(({ type }) => type === "watching");
});

test("a watch keeps no capsule awake, and goes on once it runs again", async () => {
  await using idle = await newCapsule({ timeout_sec: 3 });
  await using watch = await watchByEvents(watchPath(idle.id, "/tmp"));
  await watch.message(({ type }) => type === "paused", "paused");
  await idle.resume();
  await watch.message(({ type }) => type === "resumed", "resumed");
  await idle.sh("touch /tmp/now");
  await watch.changesTo("created", "/tmp/now");
});

test("what watches in the capsule and is killed from inside is told as lost", async () => {
  await using other = await newCapsule();
  await using watch = await watchBySocket(watchPath(other.id, "/tmp"));
  await watch.message(({ type }) => type === "watching");
  await other.sh("kill -9 -1");
  assert.equal(await watch.reason(), "lost");
  assert.equal((await watch.closed).code, 1011);
  assert.equal((await other.sh("echo still here")).stdout, "still here\n");
});

test("no link and no path makes a watch see the host", async () => {
  const canary = mkdtempSync("/tmp/capsuled-watched-");
  try {
    await capsule.sh("ln -sfn ../../../../../../tmp /tmp/up");
    await using watch = await watchBySocket(watchPath(capsule.id, "/tmp/up/../../../tmp", true));
    assert.equal((await refusedUpgrade(watchPath(capsule.id, `/tmp/up${canary}`))).status, 404);
    for (const path of ["/proc/1/root", "/proc/1/cwd", "/proc/1/root/etc"])
      assert.ok([400, 403, 404].includes((await refusedUpgrade(watchPath(capsule.id, path))).status), path);
    writeFileSync(join(canary, "of-the-host"), "");
    await capsule.sh("touch /tmp/of-the-capsule");
    const changes = await watch.message((message) => "path" in message && message.path.endsWith("/of-the-capsule"));
    assert.ok(changes.type === "created");
    assert.ok(!JSON.stringify(watch.messages).includes("of-the-host"));
  } finally {
    rmSync(canary, { recursive: true });
  }
});

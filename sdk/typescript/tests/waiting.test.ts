import assert from "node:assert/strict";
import { test } from "node:test";
import { CapsuleBootError, Client } from "../src/index.ts";
import { fakeServer, RUNNING } from "../testing/fake-server.ts";

test("who creates a capsule hears of it each time that it does not run yet, and is told what it waited for where it took too long", async () => {
  const messages = ["first", "second", "third"];
  const left = [...messages];
  await using server = await fakeServer({
    answer: () => ({ body: left.length === 0 ? RUNNING : { ...RUNNING, status: "pending", message: left.shift() } }),
  });
  const client = new Client({ url: server.url, apiKey: "wrn_test" });
  const seen: (string | null)[] = [];
  const capsule = await client.capsules.create({ onWaiting: ({ message }) => seen.push(message) });
  assert.deepEqual([capsule.info.status, seen], ["running", messages]);
  assert.deepEqual(JSON.parse(server.asked[0]?.body ?? ""), { wait_ms: 1_000 }, "the first answer does not keep it from hearing");

  left.push("its build");
  left.push("its build");
  await assert.rejects(client.capsules.create({ waitMs: 1 }), (error: unknown) => {
    assert.ok(error instanceof CapsuleBootError);
    assert.match(error.message, / is still pending after 1 ms: its build$/);
    return true;
  });
});

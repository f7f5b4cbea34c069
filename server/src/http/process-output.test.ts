import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS, outputPage } from "@capsuled/contract";
import { fail } from "../core/fail.ts";
import { IDS } from "./testing/fake-services.ts";
import { problemOf } from "./testing/problem-shape.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

const path = `/v1/capsules/${IDS.running}/processes/42/output`;
const raw = { headers: { accept: "application/octet-stream" } };

/** A process that has printed `content`, of which the first `gone` bytes are not kept any more. */
function printed(world: World, content: Buffer, gone = 0): void {
  world.services.processes.output = async (_principal, _id, _selector, { from, limit }) => {
    if (from > content.length) throw fail("invalid_offset");
    const begin = Math.max(from, gone);
    const bytes = content.subarray(begin, begin + Math.min(limit, LIMITS.outputPageBytesMax));
    return { bytes, from: begin, next: begin + bytes.length, total: content.length, ended: true };
  };
}

test("getProcessOutput: JSON is text where the range is whole characters, else base64, and says where to go on", async () => {
  await using world = await createWorld();
  printed(world, Buffer.from("añb"));
  const page = async (query: string) => outputPage.parse(await (await world.call("GET", path + query)).json());
  assert.deepEqual(await page("?limit=3"), { data: "añ", encoding: "utf-8", from: 0, next: 3, gap_bytes: 0, total: 4, ended: true });
  assert.deepEqual(await page("?from=1&limit=1"), {
    data: "ww==",
    encoding: "base64",
    from: 1,
    next: 2,
    gap_bytes: 0,
    total: 4,
    ended: true,
  });
  assert.equal((await page("?from=4")).data, "");
});

test("getProcessOutput: raw bytes of many pages are every byte, with a length", async () => {
  await using world = await createWorld();
  const content = Buffer.alloc(5 * 1024 * 1024 + 7, "0123456789");
  printed(world, content);
  const response = await world.call("GET", `${path}?from=3`, raw);
  assert.equal(response.headers.get("content-length"), String(content.length - 3));
  assert.ok(Buffer.from(await response.arrayBuffer()).equals(content.subarray(3)));
  const part = await world.call("GET", `${path}?from=1&limit=2000000`, raw);
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(content.subarray(1, 2_000_001)));
});

test("getProcessOutput: bytes that are not kept any more are counted, and what there is follows", async () => {
  await using world = await createWorld();
  printed(world, Buffer.from("0123456789"), 4);
  const page = outputPage.parse(await (await world.call("GET", `${path}?from=1&limit=3`)).json());
  assert.deepEqual([page.data, page.from, page.next, page.gap_bytes], ["456", 4, 7, 3]);
  const response = await world.call("GET", `${path}?from=1`, raw);
  assert.deepEqual(
    ["x-output-from", "x-output-gap-bytes", "x-output-total", "x-output-ended"].map((name) => response.headers.get(name)),
    ["4", "3", "10", "true"],
  );
  assert.equal(await response.text(), "456789");
});

test("getProcessOutput: bytes that go while they are being read break the answer off instead of leaving a hole in it", async () => {
  await using world = await createWorld();
  const content = Buffer.alloc(3 * 1024 * 1024, "x");
  printed(world, content);
  const output = world.services.processes.output;
  let reads = 0;
  world.services.processes.output = async (...given) => {
    reads += 1;
    if (reads === 2) printed(world, content, 2 * 1024 * 1024);
    return reads < 2 ? output(...given) : world.services.processes.output(...given);
  };
  const response = await world.call("GET", path, raw);
  await assert.rejects(response.arrayBuffer());
});

test("getProcessOutput invalid_request and invalid_offset: offsets and limits out of range", async () => {
  await using world = await createWorld();
  printed(world, Buffer.from("0123456789"));
  for (const query of [
    "?from=-1",
    "?from=x",
    "?from=1.5",
    "?from=9007199254740993",
    "?limit=0",
    "?limit=-1",
    "?limit=99999999999",
    "?stream=stdin",
    "?unknown=1",
  ]) {
    assert.equal((await problemOf(await world.call("GET", path + query))).code, "invalid_request", query);
  }
  assert.equal((await problemOf(await world.call("GET", `${path}?from=11`))).code, "invalid_offset");
});

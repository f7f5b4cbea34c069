import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectCall, expectError } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { readState } from "../harness/state.ts";
import { attach, refusedUpgrade } from "../harness/stream.ts";
import { newTeam } from "../harness/team.ts";
import { waitUntil } from "../harness/wait.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const at = (selector: string, query: Readonly<Record<string, string>> = {}) => ({ params: { id: capsule.id, selector }, query });

async function ended(script: string): Promise<string> {
  const { id } = await capsule.background({ cmd: "sh", args: ["-c", script] });
  await using stream = await attach(capsule.id, id);
  await stream.message("exit");
  return id;
}

/** The bytes themselves, as one answer. */
async function raw(selector: string, query = ""): Promise<{ readonly bytes: Buffer; readonly headers: Headers; readonly status: number }> {
  const { url, adminKey } = readState();
  const response = await fetch(`${url}/v1/capsules/${capsule.id}/processes/${selector}/output${query}`, {
    headers: { "x-api-key": adminKey, accept: "application/octet-stream" },
  });
  return { bytes: Buffer.from(await response.arrayBuffer()), headers: response.headers, status: response.status };
}

test("pages of any size put together are the whole output, byte for byte, of each stream", async () => {
  const id = await ended("seq 1 20000; printf 'é%.0s' $(seq 1 1000) >&2");
  const expected = { stdout: (await capsule.sh("seq 1 20000")).stdout, stderr: "é".repeat(1000) };
  for (const [stream, limit] of [
    ["stdout", 30_011],
    ["stdout", 1 << 20],
    ["stderr", 7],
    ["stderr", 333],
  ] as const) {
    const parts: Buffer[] = [];
    for (let from = 0, total = 1; from < total;) {
      const page = await expectCall("getProcessOutput", 200, at(id, { stream, from: String(from), limit: String(limit) }));
      const bytes = Buffer.from(page.data, page.encoding === "base64" ? "base64" : "utf8");
      assert.deepEqual([page.from, page.gap_bytes, page.next, page.ended], [from, 0, from + bytes.length, true]);
      assert.ok(bytes.length > 0 && bytes.length <= limit);
      parts.push(bytes);
      ({ next: from, total } = page);
    }
    assert.equal(Buffer.concat(parts).toString(), expected[stream], `${stream} by ${limit}`);
  }
});

test("raw output is the bytes themselves, from any offset, with its facts in headers", async () => {
  const id = await ended("head -c 3000000 /dev/urandom | tee /root/bytes");
  const whole = await raw(id);
  assert.equal(whole.bytes.length, 3_000_000);
  assert.equal(
    (await capsule.sh("sha256sum < /root/bytes")).stdout.slice(0, 64),
    (await expectCall("getProcess", 200, at(id))).stdout_sha256,
  );
  const part = await raw(id, "?from=1234567&limit=1000000");
  assert.deepEqual(part.bytes, whole.bytes.subarray(1_234_567, 2_234_567));
  assert.deepEqual(
    ["x-output-from", "x-output-total", "x-output-gap-bytes", "x-output-ended", "content-length"].map((name) => part.headers.get(name)),
    ["1234567", "3000000", "0", "true", "1000000"],
  );
  const page = await expectCall("getProcessOutput", 200, at(id, { from: "10", limit: "100" }));
  assert.deepEqual([page.encoding, page.data], ["base64", whole.bytes.subarray(10, 110).toString("base64")]);
  const nothing = await raw(id, "?from=3000000");
  assert.deepEqual([nothing.status, nothing.bytes.length], [200, 0], "the end is a position like any other");
});

test("a running process is read as far as it has printed, and on from there, also while its capsule is paused", async () => {
  const { id } = await capsule.background({ cmd: "sh", args: ["-c", "echo one; while [ ! -e /root/go ]; do sleep 0.02; done; echo two"] });
  const read = (from: number) => expectCall("getProcessOutput", 200, at(id, { from: String(from) }));
  await waitUntil(async () => ((await read(0)).total === 4 ? true : undefined), { what: "the first line" });
  await capsule.pause();
  const first = await read(0);
  assert.deepEqual([first.data, first.next, first.total, first.ended], ["one\n", 4, 4, false]);
  const none = await read(4);
  assert.deepEqual([none.data, none.from, none.next, none.ended], ["", 4, 4, false]);
  await capsule.resume();
  await capsule.sh("touch /root/go");
  await waitUntil(async () => ((await read(4)).ended ? true : undefined), { what: "its end" });
  assert.deepEqual([(await read(4)).data, (await read(4)).total], ["two\n", 8]);
  await capsule.sh("rm /root/go");
});

test("positions that do not exist are refused: beyond the end, negative, broken, no number", async () => {
  const id = await ended("echo four; exit 0");
  for (const from of ["6", "1000000", "9007199254740991"]) await expectError("getProcessOutput", "invalid_offset", at(id, { from }));
  for (const from of ["", "-1", "1.5", "NaN", "Infinity", "x", "0x1", "1e0", "1e99", "9007199254740993", "18446744073709551616"])
    await expectError("getProcessOutput", "invalid_request", at(id, { from }));
  for (const limit of ["0", "-1", "x", "1.5", "0x1", "NaN"]) await expectError("getProcessOutput", "invalid_request", at(id, { limit }));
  for (const stream of ["stdin", "", "STDOUT", "both"]) await expectError("getProcessOutput", "invalid_request", at(id, { stream }));
  await expectError("getProcessOutput", "invalid_request", at(id, { frm: "1" }));
  const socket = `/v1/capsules/${capsule.id}/processes/${id}/stream`;
  for (const from of ["", "0", "-1", "1.5", "NaN", "Infinity", "later", "0x1", "1e0", "1e99", "18446744073709551616"])
    assert.match((await refusedUpgrade(`${socket}?from=${from}`)).body, /"invalid_(request|offset)"/, from);
  assert.match((await refusedUpgrade(`${socket}?from=4000000000`)).body, /"invalid_offset"/);
  assert.equal((await expectCall("getProcessOutput", 200, at(id))).data, "four\n", "none of them did any harm");
});

test("what has no journal is a 404 to readers: unknown processes, those that the API did not start, the agent, other teams' ones", async () => {
  const id = await ended("echo mine");
  await capsule.sh("setsid sleep 961 >/dev/null 2>&1 &");
  const stray = await waitUntil(async () => (await capsule.processes()).find(({ args }) => args[0] === "961"), {
    what: "a process without a journal",
  });
  for (const selector of [String(stray.pid), "1", "999999", "no-such-tag", "pr-0000000000000000000000000"]) {
    await expectError("getProcessOutput", "not_found", at(selector));
    await expectError("getProcess", "not_found", at(selector));
    assert.equal((await refusedUpgrade(`/v1/capsules/${capsule.id}/processes/${selector}/stream?from=start`)).status, 404);
  }
  const other = await newTeam();
  await expectError("getProcessOutput", "not_found", { ...at(id), key: other.key });
  await expectError("getProcess", "not_found", { ...at(id), key: other.key });
  await expectCall("killProcess", 204, at(String(stray.pid)));
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { z } from "zod";
import { runRecord } from "../../store/testing/records.ts";
import { notificationBody, OUTPUT_HEAD_BYTES } from "./body.ts";

const run = runRecord({ teamId: "team-1", status: "succeeded", endedAt: Date.UTC(2026, 0, 1) });

const told = z.object({ data: z.object({ output: z.string(), output_encoding: z.string(), output_truncated: z.boolean() }) });

function dataOf(bytes: Uint8Array, isTruncated = false): z.output<typeof told>["data"] {
  return told.parse(JSON.parse(notificationBody(run, { id: run.id }, { bytes, isTruncated }))).data;
}

test("tells the end with the run and its output", () => {
  const body = notificationBody(
    run,
    { id: run.id, status: "succeeded" },
    { bytes: new TextEncoder().encode("grüß\n"), isTruncated: false },
  );
  assert.deepEqual(JSON.parse(body), {
    type: "run.ended",
    timestamp: "2026-01-01T00:00:00.000Z",
    data: { run: { id: run.id, status: "succeeded" }, output: "grüß\n", output_encoding: "utf-8", output_truncated: false },
  });
  const without: unknown = JSON.parse(notificationBody(run, { id: run.id }, null));
  assert.deepEqual(without, { type: "run.ended", timestamp: "2026-01-01T00:00:00.000Z", data: { run: { id: run.id } } });
});

test("holds 64 KiB of output at most, cut between characters and said to be cut", () => {
  const whole = dataOf(new Uint8Array(OUTPUT_HEAD_BYTES).fill(0x61));
  assert.deepEqual([whole.output.length, whole.output_truncated], [OUTPUT_HEAD_BYTES, false]);
  const long = dataOf(new TextEncoder().encode(`a${"é".repeat(OUTPUT_HEAD_BYTES)}`));
  assert.equal(long.output, `a${"é".repeat(OUTPUT_HEAD_BYTES / 2 - 1)}`);
  assert.deepEqual([long.output_encoding, long.output_truncated], ["utf-8", true]);
  const cut = dataOf(Uint8Array.of(0x61, 0xc3), true);
  assert.deepEqual([cut.output, cut.output_truncated], ["a", true]);
});

test("output that is no text is base64, byte for byte", () => {
  const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => (index * 7) % 256);
  const { output, output_encoding: encoding } = dataOf(bytes);
  assert.equal(encoding, "base64");
  assert.deepEqual(Buffer.from(output, "base64"), Buffer.from(bytes));
});

import assert from "node:assert/strict";
import test from "node:test";
import type { TestContext } from "node:test";
import type { RunItem } from "../../core/run/output.ts";
import type { RunHandle } from "../../core/run/service.ts";
import { runRecord } from "../../store/testing/records.ts";
import type { BodySink } from "../answer.ts";
import { STREAM_LIMITS } from "../body-stream.ts";
import { runStream } from "./run-stream.ts";

/** A line as a build prints it, 64 bytes with its end. */
const LINE = `${"x".repeat(63)}\n`;
const chunkOf = (lines: number): Buffer => Buffer.from(LINE.repeat(lines));
const eventsIn = (text: string): number => text.split("\n\n").length - 1;

/** What a client is sent, write by write, while its run prints these chunks; in no time at all, as seen by who measures it. */
async function writesOf(t: TestContext, chunks: readonly Buffer[]): Promise<readonly string[]> {
  t.mock.method(performance, "now", () => 1000);
  const run = runRecord({ teamId: "team-a", status: "succeeded", reason: "exited", exitCode: 0, durationMs: 1, endedAt: 1001 });
  const items: RunItem[] = chunks.map((bytes, nth) => ({ kind: "output", stream: "stdout", bytes, offset: nth * bytes.length }));
  items.push({ kind: "end", run });
  const handle: RunHandle = {
    run,
    isNew: true,
    isCounted: true,
    read: () => ({ next: async () => items.shift(), close: () => {} }),
    ended: Promise.resolve(run),
  };
  const writes: string[] = [];
  const sink: BodySink = {
    async send(bytes) {
      writes.push(Buffer.from(bytes).toString());
      return true;
    },
    pass: () => assert.fail("nothing is passed on"),
    hold: () => {},
    setTrailers: () => {},
    onClose: () => {},
  };
  const deps = { streamLimits: STREAM_LIMITS, transformed: { of: () => assert.fail("nothing is transformed") } };
  const place = { runId: run.id, position: { stdout: 0, stderr: 0 }, passed: "lines" } as const;
  await runStream(deps, { handle, place, transformer: null, ended: new AbortController().signal, leave: () => {} }).write(sink);
  return writes;
}

test("the lines of a chunk are one write, not one each, between the stream's head and its end", async (t) => {
  const writes = await writesOf(t, [chunkOf(50), chunkOf(1), chunkOf(80)]);
  assert.deepEqual(writes.map(eventsIn), [1, 50, 1, 80, 1]);
});

test("while little is written, a chunk with more than a client reads at once is some writes, each of whole events", async (t) => {
  const writes = await writesOf(t, [chunkOf(1000)]);
  const [, ...pieces] = writes.slice(0, -1);
  assert.equal(
    pieces.reduce((sum, piece) => sum + eventsIn(piece), 0),
    1000,
  );
  for (const piece of pieces) assert.ok(piece.startsWith("id: ") && piece.endsWith("\n\n") && piece.length <= 16 * 1024, piece.slice(-80));
  assert.ok(pieces.length <= 16, `${pieces.length} writes of 1000 lines`);
});

test("while much is written, every chunk is one write, however many lines it has", async (t) => {
  const chunks = Array.from({ length: 400 }, () => chunkOf(256));
  const writes = await writesOf(t, chunks);
  const whole = writes.filter((piece) => eventsIn(piece) === 256).length;
  assert.equal(
    writes.reduce((sum, piece) => sum + eventsIn(piece), 0),
    400 * 256 + 2,
  );
  // Until it knows that much is written: a mebibyte of events.
  assert.ok(whole >= 370, `${whole} of 400 chunks as one write`);
  assert.ok(writes.length <= 400 + 30 * 4, `${writes.length} writes`);
});

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { z } from "zod";
import { AGENT_FRAMES, BrokenFrameError, HOST_FRAMES, bytesFrame, jsonFrame, recordFrame, takeFrames } from "./frames.ts";

const bytesSchema = z.object({ name: z.string(), hex: z.string(), repeat: z.object({ hex: z.string(), times: z.int() }).optional() });
const recordSchema = z.object({ seq: z.int(), offset: z.int(), time_us: z.int(), tail: z.string(), bytes: z.string() });
const VECTORS = z
  .object({
    frames: z.array(
      bytesSchema.extend({ type: z.string(), json: z.record(z.string(), z.unknown()).optional(), record: recordSchema.optional() }),
    ),
    malformed: z.array(bytesSchema.extend({ error: z.string() })),
  })
  .parse(JSON.parse(readFileSync(new URL("../../../../agent/vectors/frames.json", import.meta.url), "utf8")));

const whole = ({ hex, repeat }: z.output<typeof bytesSchema>): Buffer =>
  Buffer.from(hex + (repeat?.hex ?? "").repeat(repeat?.times ?? 0), "hex");
const hostNames = new Set<string>(Object.values(HOST_FRAMES));
const isAgentJson = (name: string): name is Exclude<keyof typeof AGENT_FRAMES, "stdout" | "stderr" | "bytes"> =>
  Object.hasOwn(AGENT_FRAMES, name) && name !== "stdout" && name !== "stderr" && name !== "bytes";

function takeAll(bytes: Buffer): { readonly frames: { readonly name: string; readonly payload: Buffer }[]; readonly rest: Buffer } {
  const frames: { name: string; payload: Buffer }[] = [];
  const rest = takeFrames(bytes, (name, payload) => frames.push({ name, payload }));
  return { frames, rest };
}

test("every vector of a host's frame is read, and only with its last byte", () => {
  const vectors = VECTORS.frames.filter((vector) => hostNames.has(vector.type));
  assert.ok(vectors.length > 12);
  for (const vector of vectors) {
    const bytes = whole(vector);
    const { frames, rest } = takeAll(Buffer.concat([bytes, Buffer.from([0x02])]));
    assert.deepEqual([frames.length, frames[0]?.name, rest.length], [1, vector.type, 1], vector.name);
    if (vector.json !== undefined) assert.deepEqual(JSON.parse(frames[0]?.payload.toString("utf8") ?? ""), vector.json, vector.name);
    for (const cut of [0, 1, 4, 5, bytes.length - 1])
      if (cut < bytes.length) assert.deepEqual(takeAll(bytes.subarray(0, cut)).frames, [], vector.name);
  }
});

test("every vector of an agent's frame is written as it stands there", () => {
  let seen = 0;
  // What the fake agent does not send (files) has no writer here.
  for (const vector of VECTORS.frames.filter(({ type }) => !hostNames.has(type) && Object.hasOwn(AGENT_FRAMES, type))) {
    seen += 1;
    if (vector.record !== undefined) {
      assert.ok(vector.type === "stdout" || vector.type === "stderr");
      const { seq, offset, time_us: timeUs, tail, bytes } = vector.record;
      const frame = recordFrame({
        kind: vector.type,
        seq,
        offset,
        timeUs,
        tail: Buffer.from(tail, "hex"),
        bytes: Buffer.from(bytes, "hex"),
      });
      assert.deepEqual(frame, whole(vector), vector.name);
    } else if (vector.type === "bytes") {
      assert.deepEqual(bytesFrame(whole(vector).subarray(5)), whole(vector), vector.name);
    } else {
      assert.ok(isAgentJson(vector.type) && vector.json !== undefined);
      const frame = jsonFrame(vector.type, vector.json);
      assert.deepEqual([frame[0], frame.readUInt32LE(1)], [whole(vector)[0], frame.length - 5], vector.name);
      assert.deepEqual(JSON.parse(frame.subarray(5).toString("utf8")), vector.json, vector.name);
    }
  }
  assert.ok(seen > 10);
});

test("unknown and too long frames are refused as early as told", () => {
  for (const vector of VECTORS.malformed) {
    if (vector.error === "unknown_type" || (vector.error === "too_long" && !vector.hex.startsWith("83"))) {
      assert.throws(() => takeAll(whole(vector)), BrokenFrameError, vector.name);
    } else if (vector.error === "incomplete") {
      assert.deepEqual(takeAll(whole(vector)).frames, [], vector.name);
    }
  }
});

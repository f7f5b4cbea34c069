import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { z } from "zod";
import {
  decodeRecord,
  encodeBytes,
  encodeJson,
  encodeRecord,
  FRAME,
  FRAME_BYTES_MAX,
  FrameParser,
  ProtocolError,
  RECORD_BYTES_MAX,
} from "./frame.ts";
import { readJson } from "./messages.ts";

const bytesSchema = z.object({ name: z.string(), hex: z.string(), repeat: z.object({ hex: z.string(), times: z.int() }).optional() });
const vectorsSchema = z.object({
  frames: z.array(
    bytesSchema.extend({
      type: z.string(),
      json: z.unknown().optional(),
      bytes: z.string().optional(),
      bytes_length: z.int().optional(),
      record: z.object({ seq: z.int(), offset: z.int(), time_us: z.int(), tail: z.string(), bytes: z.string() }).optional(),
    }),
  ),
  malformed: z.array(bytesSchema.extend({ error: z.enum(["unknown_type", "too_long", "incomplete", "bad_json", "bad_record"]) })),
});
const VECTORS = vectorsSchema.parse(JSON.parse(readFileSync(new URL("../../../agent/vectors/frames.json", import.meta.url), "utf8")));
const TYPES = new Map<string, number>(Object.entries(FRAME));

function whole(vector: z.output<typeof bytesSchema>): Buffer {
  const repeated = vector.repeat === undefined ? [] : Array.from({ length: vector.repeat.times }, () => vector.repeat?.hex ?? "");
  return Buffer.from(vector.hex + repeated.join(""), "hex");
}

interface Parsed {
  readonly type: number;
  readonly payload: Buffer;
}

/** What the parser makes of `bytes`, cut into chunks that end at `cuts`. */
function parse(bytes: Buffer, cuts: readonly number[] = []): Parsed[] {
  const parser = new FrameParser();
  const frames: Parsed[] = [];
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    parser.push(bytes.subarray(from, to), (type, payload) => frames.push({ type, payload: Buffer.from(payload) }));
    from = to;
  }
  return frames;
}

test("there are vectors enough to prove something", () => {
  assert.ok(VECTORS.frames.length > 20);
  assert.ok(VECTORS.malformed.length > 10);
  assert.deepEqual(new Set(VECTORS.frames.map((vector) => vector.type)), new Set(TYPES.keys()), "every type has a vector");
});

for (const vector of VECTORS.frames) {
  test(`the vector "${vector.name}" decodes to what it says, and encodes to its bytes`, () => {
    const bytes = whole(vector);
    const [frame, ...more] = parse(bytes);
    assert.ok(frame !== undefined && more.length === 0);
    assert.equal(frame.type, TYPES.get(vector.type));
    if (vector.record !== undefined) {
      const { type } = frame;
      assert.ok(type === FRAME.stdout || type === FRAME.stderr);
      const record = decodeRecord(frame.payload);
      const hex = { tail: Buffer.from(record.tail).toString("hex"), bytes: Buffer.from(record.bytes).toString("hex") };
      assert.deepEqual({ seq: record.seq, offset: record.offset, time_us: record.timeUs, ...hex }, vector.record);
      assert.deepEqual(encodeRecord(type, record), bytes);
    } else if (vector.json !== undefined) {
      assert.deepEqual(readJson("vector", frame.payload), vector.json);
      const [again] = parse(encodeJson(frame.type, vector.json));
      assert.deepEqual(readJson("vector", again?.payload ?? Buffer.alloc(0)), vector.json);
    } else {
      if (vector.bytes === undefined) assert.equal(frame.payload.length, vector.bytes_length);
      else assert.equal(frame.payload.toString("hex"), vector.bytes);
      assert.ok(encodeBytes(frame.type, frame.payload).equals(bytes));
    }
  });

  test(`the vector "${vector.name}" is given only with its last byte, whatever the cut`, () => {
    const bytes = whole(vector);
    const expected = parse(bytes);
    const step = 1 + Math.floor(bytes.length / 300);
    for (let cut = 0; cut < bytes.length; cut += step) {
      assert.deepEqual(parse(bytes.subarray(0, cut)), [], `nothing before byte ${cut}`);
      assert.ok(parse(bytes, [cut])[0]?.payload.equals(expected[0]?.payload ?? Buffer.alloc(0)), `cut at ${cut}`);
    }
    if (bytes.length < 1000) assert.deepEqual(parse(bytes, [...bytes.keys()]), expected, "byte by byte");
  });
}

for (const vector of VECTORS.malformed) {
  test(`"${vector.name}" is refused as ${vector.error}`, () => {
    const bytes = whole(vector);
    const decode = (): void => {
      for (const { type, payload } of parse(bytes)) {
        if (type === FRAME.stdout || type === FRAME.stderr) decodeRecord(payload);
        else z.record(z.string(), z.unknown()).parse(readJson("vector", payload));
      }
    };
    switch (vector.error) {
      case "incomplete":
        assert.deepEqual(parse(bytes), []);
        return;
      case "unknown_type":
        assert.throws(decode, { name: "ProtocolError", message: /^unknown frame type/ });
        return;
      case "too_long":
        assert.throws(decode, { name: "ProtocolError", message: /too long$/ });
        return;
      case "bad_record":
        assert.throws(decode, { name: "ProtocolError", message: /record/ });
        return;
      case "bad_json":
        assert.throws(decode, /not JSON|not UTF-8|expected record/);
    }
  });
}

test("any frames, cut anyhow, come out as they went in", () => {
  const frame = fc.record({ type: fc.constantFrom(...TYPES.values()), payload: fc.uint8Array({ maxLength: 300 }) });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(3000), { maxLength: 20 }), (frames, at) => {
      const bytes = Buffer.concat(frames.map(({ type, payload }) => encodeBytes(type, payload)));
      const cuts = at.filter((cut) => cut <= bytes.length).toSorted((a, b) => a - b);
      assert.deepEqual(
        parse(bytes, cuts).map(({ type, payload }) => ({ type, payload: Uint8Array.from(payload) })),
        frames.map(({ type, payload }) => ({ type, payload: Uint8Array.from(payload) })),
      );
    }),
  );
});

test("a payload in parts comes as its bytes do, and what stands around it whole", () => {
  const frame = fc.record({ type: fc.constantFrom(FRAME.bytes, FRAME.result), payload: fc.uint8Array({ maxLength: 300 }) });
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.nat(3000), { maxLength: 20 }), (frames, at) => {
      const sent = Buffer.concat(frames.map(({ type, payload }) => encodeBytes(type, payload)));
      const cuts = at.filter((cut) => cut <= sent.length).toSorted((a, b) => a - b);
      const parser = new FrameParser();
      parser.inParts = true;
      let came = "";
      let from = 0;
      for (const to of [...cuts, sent.length]) {
        parser.push(sent.subarray(from, to), (type, payload) => {
          came += type === FRAME.bytes ? payload.toString("hex") : `[${payload.toString("hex")}]`;
        });
        from = to;
      }
      const hex = (payload: Uint8Array): string => Buffer.from(payload).toString("hex");
      assert.equal(came, frames.map(({ type, payload }) => (type === FRAME.bytes ? hex(payload) : `[${hex(payload)}]`)).join(""));
      // None of it waits for the end of its frame.
      const begun = new FrameParser();
      begun.inParts = true;
      let early = 0;
      begun.push(encodeBytes(FRAME.bytes, Buffer.alloc(100)).subarray(0, 50), (_type, payload) => (early += payload.length));
      assert.equal(early, 45);
    }),
  );
});

test("any record comes out as it went in", () => {
  const number = fc.maxSafeNat();
  const record = fc.record(
    { seq: number, offset: number, timeUs: number, tail: fc.uint8Array({ maxLength: 3 }), bytes: fc.uint8Array() },
    { noNullPrototype: true },
  );
  fc.assert(
    fc.property(record, (value) => {
      const [frame] = parse(encodeRecord(FRAME.stderr, value));
      const decoded = decodeRecord(frame?.payload ?? Buffer.alloc(0));
      assert.deepEqual({ ...decoded, tail: Uint8Array.from(decoded.tail), bytes: Uint8Array.from(decoded.bytes) }, value);
    }),
  );
});

test("junk is refused by a ProtocolError or waits for more, never anything else", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (junk) => {
      try {
        for (const { type, payload } of parse(Buffer.from(junk))) if (type === FRAME.stdout) decodeRecord(payload);
      } catch (error) {
        assert.ok(error instanceof ProtocolError);
      }
    }),
  );
});

test("what is too long to be sent is not encoded", () => {
  assert.throws(() => encodeBytes(FRAME.stdin, Buffer.alloc(FRAME_BYTES_MAX + 1)), ProtocolError);
  assert.throws(() => encodeJson(FRAME.start, { cmd: "a".repeat(FRAME_BYTES_MAX) }), ProtocolError);
  assert.equal(encodeBytes(FRAME.stdin, Buffer.alloc(FRAME_BYTES_MAX)).length, FRAME_BYTES_MAX + 5);
});

test("a number beyond 2^53 in a record is refused", () => {
  const payload = Buffer.alloc(28);
  payload.writeBigUInt64LE(2n ** 53n, 8);
  assert.throws(() => decodeRecord(payload), ProtocolError);
  payload.writeBigUInt64LE(2n ** 53n - 1n, 8);
  assert.equal(decodeRecord(payload).offset, Number.MAX_SAFE_INTEGER);
});

test("a record carries at most 64 KiB", () => {
  assert.equal(decodeRecord(Buffer.alloc(28 + RECORD_BYTES_MAX)).bytes.length, RECORD_BYTES_MAX);
  assert.throws(() => decodeRecord(Buffer.alloc(28 + RECORD_BYTES_MAX + 1)), ProtocolError);
});

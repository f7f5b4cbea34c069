import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { completeLength, flushedText, recordText } from "./text.ts";

/** Bytes that lie near every rule of UTF-8: lead bytes, their narrowed seconds, continuations, plain letters. */
const awkwardByte = fc.constantFrom(
  0x41,
  0x7f,
  0x80,
  0x8f,
  0x90,
  0x9f,
  0xa0,
  0xbf,
  0xc1,
  0xc2,
  0xdf,
  0xe0,
  0xe2,
  0xed,
  0xef,
  0xf0,
  0xf3,
  0xf4,
  0xf5,
  0xff,
);
const piece = fc.oneof(
  fc.array(awkwardByte, { maxLength: 5 }).map((bytes) => Uint8Array.from(bytes)),
  fc.string({ unit: "binary", maxLength: 4 }).map((text) => new TextEncoder().encode(text)),
  fc.uint8Array({ maxLength: 4 }),
);
const stream = fc.array(piece, { maxLength: 20 }).map((pieces) => Uint8Array.from(pieces.flatMap((bytes) => [...bytes])));

function wholeText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** The journal's records for a stream cut at these places, each with the tail before it. */
function records(bytes: Uint8Array, cuts: readonly number[]): { tail: Uint8Array; bytes: Uint8Array }[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))]
    .filter((cut) => cut > 0 && cut < bytes.length)
    .sort((a, b) => a - b);
  const bounds = [0, ...places, bytes.length];
  return bounds.slice(0, -1).map((from, index) => {
    const before = bytes.subarray(0, from);
    return { tail: before.slice(completeLength(before)), bytes: bytes.subarray(from, bounds[index + 1]) };
  });
}

test("any cut of a stream into records gives the same text", () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(200), { maxLength: 30 }), (bytes, cuts) => {
      let text = "";
      let pending: Uint8Array = new Uint8Array(0);
      for (const record of records(bytes, cuts)) {
        const part = recordText(record.tail, record.bytes);
        text += part.text;
        pending = part.pending;
      }
      assert.equal(text + flushedText(pending), wholeText(bytes));
    }),
    { numRuns: 2000 },
  );
});

test("a record's pending bytes are the tail that the journal states before the next one", () => {
  fc.assert(
    fc.property(stream, fc.array(fc.nat(200), { maxLength: 30 }), (bytes, cuts) => {
      const all = records(bytes, cuts);
      for (const [index, record] of all.entries()) {
        const next = all[index + 1];
        if (next !== undefined) assert.deepEqual([...recordText(record.tail, record.bytes).pending], [...next.tail]);
      }
    }),
    { numRuns: 2000 },
  );
});

test("valid text cut at any byte never shows a replacement character", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), fc.array(fc.nat(200)), (text, cuts) => {
      const bytes = new TextEncoder().encode(text);
      const shown = records(bytes, cuts).map((record) => recordText(record.tail, record.bytes).text);
      assert.equal(shown.join(""), text);
    }),
  );
});

test("what is pending is at most 3 bytes, and a character cut at the end of the stream is flushed as U+FFFD", () => {
  const euro = new TextEncoder().encode("€");
  const part = recordText(new Uint8Array(0), euro.subarray(0, 2));
  assert.equal(part.text, "");
  assert.deepEqual([...part.pending], [0xe2, 0x82]);
  assert.equal(flushedText(part.pending), "\ufffd");
  fc.assert(fc.property(stream, (bytes) => bytes.length - completeLength(bytes) <= 3));
});

test("bytes that can become no character are malformed at once, not awaited", () => {
  for (const bytes of [[0xed, 0xa0], [0xe0, 0x80], [0xf0, 0x8f], [0xf4, 0x90], [0xc1], [0xf5], [0x80], [0xff]]) {
    assert.equal(completeLength(Uint8Array.from(bytes)), bytes.length, bytes.map((byte) => byte.toString(16)).join(" "));
  }
});

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PackedError, readHeader, RECORD_BYTES_MAX, RECORD_HEADER_BYTES, writeHeader, writeLength } from "./run-journal.ts";

const stream = fc.constantFrom("stdout" as const, "stderr" as const);
const offset = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const length = fc.integer({ min: 0, max: RECORD_BYTES_MAX });

test("a record's header is read as it was written, wherever it stands", () => {
  fc.assert(
    fc.property(stream, offset, length, length, fc.nat(40), (kind, at, size, other, place) => {
      const bytes = new Uint8Array(place + RECORD_HEADER_BYTES + 3).fill(0xee);
      writeHeader(bytes, place, kind, at, other);
      writeLength(bytes, place, size);
      assert.deepEqual(readHeader(bytes, place), { stream: kind, offset: at, length: size });
      for (let cut = 0; cut < RECORD_HEADER_BYTES; cut += 1) assert.equal(readHeader(bytes.subarray(0, place + cut), place), undefined);
      assert.deepEqual([...bytes.subarray(place + RECORD_HEADER_BYTES)], [0xee, 0xee, 0xee]);
    }),
  );
});

test("bytes that are no record are refused, never read as one", () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: RECORD_HEADER_BYTES, maxLength: 64 }), (bytes) => {
      try {
        const header = readHeader(bytes, 0);
        assert.ok(header !== undefined && header.length <= RECORD_BYTES_MAX && Number.isSafeInteger(header.offset));
      } catch (error) {
        assert.ok(error instanceof PackedError);
      }
    }),
    { numRuns: 1000 },
  );
});

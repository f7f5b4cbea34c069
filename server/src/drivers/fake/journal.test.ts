import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Journal } from "./journal.ts";
import { incompleteTail } from "./utf8-tail.ts";

/** Bytes with much text beyond ASCII, whole and broken. */
const bytes = fc
  .array(
    fc.oneof(
      fc.constantFrom("é", "€", "😀", "a", "\ud7ff").map((s) => [...Buffer.from(s)]),
      fc.uint8Array({ maxLength: 3 }).map((b) => [...b]),
    ),
    { maxLength: 20 },
  )
  .map((parts) => Buffer.from(parts.flat()));

test("the text of records is the same for any cut, and from any record on", () => {
  fc.assert(
    fc.property(fc.array(bytes, { minLength: 1, maxLength: 8 }), (pieces) => {
      const journal = new Journal(1 << 20);
      for (const piece of pieces) journal.append("stdout", piece);
      const texts: string[] = [];
      for (let seq = 1; seq < journal.nextSeq; seq += 1) {
        const record = journal.read(seq);
        assert.ok(record !== null && "kind" in record);
        const joined = Buffer.concat([record.tail, record.bytes]);
        const own = seq === journal.nextSeq - 1 ? 0 : incompleteTail(joined).length;
        texts.push(joined.subarray(0, joined.length - own).toString("utf8"));
      }
      assert.equal(texts.join(""), Buffer.concat(pieces).toString("utf8"));
    }),
    { numRuns: 500 },
  );
});

test("a tail is what may still become a character, by the decoder's own judgement", () => {
  fc.assert(
    fc.property(bytes, (all) => {
      const tail = incompleteTail(all);
      const decoder = new TextDecoder("utf-8");
      const shown = decoder.decode(all, { stream: true });
      assert.equal(shown, new TextDecoder("utf-8").decode(all.subarray(0, all.length - tail.length)));
    }),
    { numRuns: 1000 },
  );
});

test("what is beyond the bound goes from the front, and the gap says how much of each stream", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom("stdout" as const, "stderr" as const), fc.integer({ min: 1, max: 40 })), {
        minLength: 1,
        maxLength: 40,
      }),
      fc.nat(39),
      (writes, at) => {
        const journal = new Journal(100);
        for (const [kind, size] of writes) journal.append(kind, Buffer.alloc(size));
        assert.ok(journal.bytes <= 100);
        const from = Math.min(at, writes.length - 1) + 1;
        const entry = journal.read(from);
        assert.ok(entry !== null);
        if (from >= journal.firstSeq)
          return assert.ok("kind" in entry && entry.seq === from && entry.bytes.length === writes[from - 1]?.[1]);
        const lost = writes.slice(from - 1, journal.firstSeq - 1);
        const sum = (kind: string): number => lost.reduce((total, [k, size]) => total + (k === kind ? size : 0), 0);
        assert.deepEqual(entry, { from_seq: from, to_seq: journal.firstSeq - 1, stdout_bytes: sum("stdout"), stderr_bytes: sum("stderr") });
      },
    ),
  );
});

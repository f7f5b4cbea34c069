import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { EventCutter } from "../src/transport/sse.ts";

const TEXT =
  ': hello\n\nid: 1\ndata: {"a":1}\n\nid: 2\nevent: gap\ndata: one\ndata: two\n\n: keep\nid: 3\n\ndata: ü\n\nid: 4\ndata: not whole';

test("events are the same however their text is cut, and one that is not whole is none", () => {
  const whole = new EventCutter();
  const expected = whole.add(TEXT);
  assert.deepEqual(expected, [
    { id: "1", event: "message", data: '{"a":1}' },
    { id: "2", event: "gap", data: "one\ntwo" },
    { id: "3", event: "message", data: "ü" },
  ]);
  fc.assert(
    fc.property(fc.array(fc.nat({ max: TEXT.length }), { maxLength: 10 }), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), TEXT.length];
      const cutter = new EventCutter();
      const found = at.slice(1).flatMap((end, index) => cutter.add(TEXT.slice(at[index], end)));
      assert.deepEqual(found, expected);
      assert.equal(cutter.lastId, "3");
    }),
  );
});

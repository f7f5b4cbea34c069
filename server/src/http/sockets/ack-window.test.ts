import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AckWindow } from "./ack-window.ts";

const WINDOW = 256 * 1024;

test("whoever acknowledges everything, or all but a quarter of the window, is sent more, whatever the records", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 90_000 }), { maxLength: 200 }),
      fc.integer({ min: 0, max: WINDOW / 4 }),
      (records, kept) => {
        const window = new AckWindow(WINDOW);
        window.take(0);
        const sent: { readonly seq: number; readonly chars: number }[] = [];
        let untaken = 0;
        for (const [index, chars] of records.entries()) {
          assert.ok(!window.isFull);
          window.add(index + 1, chars);
          sent.push({ seq: index + 1, chars });
          untaken += chars;
          if (!window.isFull) continue;
          assert.ok(untaken > WINDOW - 2 * 90_000, "it counts by 64 Ki");
          let seq = 0;
          while (untaken > kept) {
            const taken = sent.shift();
            if (taken === undefined) break;
            untaken -= taken.chars;
            seq = taken.seq;
          }
          window.take(seq);
        }
      },
    ),
  );
});

test("who never acknowledges is never waited for, nor is what they were sent remembered", () => {
  const window = new AckWindow(WINDOW);
  for (let seq = 1; seq < 100; seq += 1) window.add(seq, WINDOW);
  assert.ok(!window.isFull);
  window.take(3);
  assert.ok(!window.isFull, "it counts from the first acknowledgement on");
  window.add(100, WINDOW + 1);
  assert.ok(window.isFull);
});

test("an acknowledgement of what was acknowledged before, or not yet sent, changes nothing that it should not", () => {
  const window = new AckWindow(WINDOW);
  window.take(5);
  window.add(6, WINDOW);
  window.add(7, 1);
  assert.ok(window.isFull);
  window.take(2);
  assert.ok(window.isFull);
  window.take(1_000_000);
  assert.ok(!window.isFull);
});

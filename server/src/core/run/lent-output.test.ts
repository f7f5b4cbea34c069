import assert from "node:assert/strict";
import { test } from "node:test";
import { RUN_BEGIN } from "./output.ts";
import { PackedReader } from "./run-reader.ts";
import { MemoryRunFiles } from "./testing/memory-files.ts";
import { newTape, Printer, readThrough, storedSource } from "./testing/printing.ts";

test("output that is lent to one reader and kept by another is right for both", async () => {
  const files = new MemoryRunFiles();
  const tape = newTape(files);
  const printer = new Printer(tape);
  const kept: { readonly offset: number; readonly bytes: Uint8Array }[] = [];
  const keeping = (async () => {
    const reader = new PackedReader(tape, RUN_BEGIN);
    for (let item = await reader.next(5000); item?.kind !== "end"; item = await reader.next(5000))
      if (item?.kind === "output") kept.push(item);
  })();
  const lent = [readThrough(tape, RUN_BEGIN, 0, true), readThrough(tape, RUN_BEGIN, 1, true)];
  for (let times = 0; times < 60; times += 1) {
    printer.print("stdout", 65_001);
    await printer.room();
  }
  printer.finish();
  const output = await tape.keep("host-1");
  await keeping;
  for (const seen of await Promise.all(lent)) assert.deepEqual([seen.stdout, seen.gap], [printer.stdout, 0]);
  assert.equal((await readThrough(storedSource(files, printer, output), RUN_BEGIN, 0, true)).stdout, printer.stdout);
  let position = 0;
  for (const { offset, bytes } of kept) {
    assert.equal(offset, position);
    for (const [index, byte] of bytes.entries()) if (byte !== (((offset + index) * 7) & 255)) assert.fail(`byte ${offset + index}`);
    position += bytes.length;
  }
  assert.equal(position, printer.stdout);
});

for (const [what, isLent, isClosed] of [
  ["that is lent, until its reader's next turn", true, false],
  ["that is lent to a reader that was closed", true, true],
  ["that is not lent, for good", false, false],
] as const)
  test(`output of a tape is left alone ${what}, while the tape uses memory again`, async () => {
    const tape = newTape(new MemoryRunFiles());
    const printer = new Printer(tape);
    const reader = new PackedReader(tape, RUN_BEGIN, isLent);
    const other = new PackedReader(tape, RUN_BEGIN, true);
    for (let times = 0; times < 12; times += 1) {
      printer.print("stdout", 65_001);
      const item = await reader.next(5000);
      assert.ok(item?.kind === "output");
      const before = Buffer.from(item.bytes);
      if (isClosed && times === 5) reader.close();
      if (times < 5) continue;
      for (let more = 0; more < 6; more += 1) {
        printer.print("stdout", 65_001);
        await other.next(5000);
        if (!isLent) await reader.next(5000);
        // What is sealed is written, and dropped.
        for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
      }
      assert.ok(before.equals(item.bytes));
      break;
    }
  });

test("memory of chunks that everybody has had serves for the next ones", async () => {
  const tape = newTape(new MemoryRunFiles());
  const printer = new Printer(tape);
  const reader = new PackedReader(tape, RUN_BEGIN, true);
  const memory = new Set<ArrayBufferLike>();
  for (let times = 0; times < 40; times += 1) {
    printer.print("stdout", 65_001);
    const item = await reader.next(5000);
    assert.ok(item?.kind === "output");
    memory.add(item.bytes.buffer);
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.ok(memory.size < 20, `${memory.size} pieces of memory for 40 chunks`);
  reader.close();
});

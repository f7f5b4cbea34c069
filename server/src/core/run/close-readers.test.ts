import assert from "node:assert/strict";
import { test } from "node:test";
import { RUN_BEGIN } from "./output.ts";
import { PackedReader } from "./run-reader.ts";
import { MemoryRunFiles } from "./testing/memory-files.ts";
import { newTape, Printer, readThrough } from "./testing/printing.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("who follows closely reads from memory, which stays bounded: the run waits for it, and nothing is read back from the file", async (t) => {
  // No time passes: only what it reads lets the run go on.
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const files = new MemoryRunFiles();
  const tape = newTape(files);
  const printer = new Printer(tape);
  const seen = readThrough(tape, RUN_BEGIN, 0, true);
  let most = 0;
  for (let times = 0; times < 120; times += 1) {
    printer.print("stdout", 65_001);
    await printer.room();
    most = Math.max(most, tape.memoryBytes);
  }
  assert.equal(files.readsBack, 0);
  printer.finish();
  await tape.keep("host-1");
  assert.deepEqual([(await seen).stdout, (await seen).gap], [printer.stdout, 0]);
  assert.ok(most < 1.25 * 1024 * 1024, `${most} bytes in memory`);
});

test("a reader that stops following holds the run up once, for a moment, and finds what it has missed in the file", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const files = new MemoryRunFiles();
  const tape = newTape(files);
  const printer = new Printer(tape);
  const stalled = new PackedReader(tape, RUN_BEGIN, true);
  printer.print("stdout", 1000);
  const item = await stalled.next(0);
  assert.ok(item?.kind === "output" && item.bytes.length === 1000);
  while (!tape.isFull) {
    printer.print("stdout", 65_001);
    for (let turns = 0; turns < 5; turns += 1) await turn();
  }
  let hasRoom = false;
  tape.onRoom(() => (hasRoom = true));
  t.mock.timers.tick(9);
  assert.equal(hasRoom, false, "all of it is in the file, and it waits for the reader");
  t.mock.timers.tick(1);
  assert.equal(hasRoom, true);
  // From here on no time passes.
  for (let times = 0; times < 60; times += 1) {
    printer.print("stdout", 65_001);
    while (tape.isFull) await turn();
  }
  assert.ok(tape.memoryBytes < 1.25 * 1024 * 1024);
  printer.finish();
  await tape.keep("host-1");
  let position = 1000;
  for (let next = await stalled.next(0); next?.kind !== "end"; next = await stalled.next(0)) {
    assert.ok(next?.kind === "output" && next.offset === position, "nothing is missing");
    position += next.bytes.length;
  }
  assert.equal(position, printer.stdout);
});

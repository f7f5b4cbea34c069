import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { RunPosition } from "./output.ts";
import { RUN_BEGIN } from "./output.ts";
import { PackedMarks } from "./packed-marks.ts";
import { PackedReader } from "./run-reader.ts";
import { INLINE_BYTES_MAX } from "./run-tape.ts";
import { MemoryRunFiles } from "./testing/memory-files.ts";
import type { Seen } from "./testing/printing.ts";
import { newTape, Printer, readThrough, RUN, storedSource } from "./testing/printing.ts";

const act = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("print" as const),
      on: fc.constantFrom("stdout" as const, "stderr" as const),
      size: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 90_000 })),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("skip" as const),
      on: fc.constantFrom("stdout" as const, "stderr" as const),
      size: fc.integer({ min: 1, max: 500 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("turn" as const), on: fc.constant("stdout" as const), size: fc.constant(0) }) },
);

test("whoever reads, from wherever, while it is printed or afterwards, gets every byte once and in order, and what is missing told exactly", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(act, { maxLength: 30 }),
      fc.array(fc.record({ after: fc.nat(30), from: fc.record({ stdout: fc.nat(100_000), stderr: fc.nat(100_000) }) }), { maxLength: 3 }),
      async (acts, others) => {
        const files = new MemoryRunFiles();
        const tape = newTape(files);
        const printer = new Printer(tape);
        const first = readThrough(tape, RUN_BEGIN, 0, true);
        const late: { readonly from: RunPosition; readonly seen: Promise<Seen> }[] = [];
        let lost = 0;
        const join = (index: number): void => {
          for (const { after, from } of others)
            if (after === index) {
              const known = { stdout: Math.min(from.stdout, printer.stdout), stderr: Math.min(from.stderr, printer.stderr) };
              late.push({ from: known, seen: readThrough(tape, known, 0, late.length % 2 === 0) });
            }
        };
        for (const [index, { do: what, on, size }] of acts.entries()) {
          if (what === "print") printer.print(on, size);
          else if (what === "skip") {
            printer.skip(on, size);
            lost += size;
          } else await new Promise((resolve) => setImmediate(resolve));
          join(index);
          await printer.room();
        }
        printer.finish();
        const output = await tape.keep("host-1");
        const whole = { stdout: printer.stdout, stderr: printer.stderr };
        const seen = await first;
        assert.deepEqual({ stdout: seen.stdout, stderr: seen.stderr, gap: seen.gap }, { ...whole, gap: lost });
        for (const one of late) {
          const { stdout, stderr } = await one.seen;
          assert.deepEqual({ stdout, stderr }, whole);
        }
        const kept = await readThrough(storedSource(files, printer, output));
        assert.deepEqual(kept, seen, "what is kept is what was read, in the same order");
        const resumed = await readThrough(tape, { stdout: Math.floor(whole.stdout / 2), stderr: whole.stderr }, 0, true);
        assert.deepEqual([resumed.stdout, resumed.stderr], [whole.stdout, whole.stderr]);
        assert.equal(files.unfinished, 0);
        assert.equal(files.opened, 0, "no file stays open");
      },
    ),
    { numRuns: Number(process.env["CAPSULED_TEST_RUNS"] ?? 150) },
  );
});

test("what a row holds stays in memory and needs no file; one byte more goes to a file", async () => {
  const files = new MemoryRunFiles();
  const tape = newTape(files);
  const printer = new Printer(tape);
  for (let left = INLINE_BYTES_MAX - 13; left > 0; left -= 1000) printer.print("stdout", Math.min(left, 1000));
  assert.equal(tape.isInline, true);
  printer.finish();
  const output = tape.keepInline();
  assert.ok(output.kind === "inline" && output.packed.length === INLINE_BYTES_MAX);
  assert.equal((await readThrough(storedSource(files, printer, output))).stdout, INLINE_BYTES_MAX - 13);
  const larger = newTape(files);
  const more = new Printer(larger);
  for (let left = INLINE_BYTES_MAX - 12; left > 0; left -= 1000) more.print("stdout", Math.min(left, 1000));
  more.finish();
  const kept = await larger.keep("host-1");
  assert.deepEqual([kept.kind, files.files.size], ["file", 1]);
});

test("a reader that stalls holds nobody: memory stays bounded, the run goes on, and the reader is told what it missed beyond the file", async () => {
  const files = new MemoryRunFiles();
  const tape = newTape(files, 1024 * 1024);
  const printer = new Printer(tape);
  const stalled = new PackedReader(tape, RUN_BEGIN);
  printer.print("stdout", 10);
  const item = await stalled.next(1000);
  assert.ok(item?.kind === "output");
  const began = performance.now();
  let held = 0;
  for (let times = 0; times < 160; times += 1) {
    printer.print("stdout", 65_536);
    await printer.room();
    held = Math.max(held, tape.memoryBytes);
  }
  assert.ok(performance.now() - began < 20_000, "it waits for the stalled one for its grace at most");
  assert.ok(held < 1.5 * 1024 * 1024, `${held} bytes are held of 10 MiB`);
  printer.finish();
  const output = await tape.keep("host-1");
  let position = 10;
  let gap = 0;
  for (let next = await stalled.next(1000); next?.kind !== "end"; next = await stalled.next(1000)) {
    assert.ok(next !== undefined && next.kind !== "idle");
    if (next.kind === "gap") gap += next.stdoutBytes;
    else assert.equal(next.offset, position + gap);
    if (next.kind === "output") position += next.bytes.length;
  }
  assert.equal(position + gap, printer.stdout);
  assert.ok(gap > 0);
  const kept = await readThrough(storedSource(files, printer, output));
  assert.equal(kept.stdout, printer.stdout, "the file has the beginning, a gap that is told, and the very end");
  assert.ok(kept.gap > 0 && kept.gap < printer.stdout - 1024 * 1024);
});

test("a reader that goes on reading misses nothing beyond the file's bound: the run waits for it", async () => {
  const files = new MemoryRunFiles();
  const tape = newTape(files, 256 * 1024);
  const printer = new Printer(tape);
  const slow = readThrough(tape, RUN_BEGIN, 1);
  for (let times = 0; times < 60; times += 1) {
    printer.print("stdout", 65_536);
    await printer.room();
  }
  printer.finish();
  await tape.keep("host-1");
  const seen = await slow;
  assert.deepEqual([seen.stdout, seen.gap], [printer.stdout, 0]);
});

test(
  "beyond the file's bound the run goes on as soon as its reader has read on, not only when readers are looked at",
  { timeout: 60_000 },
  async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout"] });
    const tape = newTape(new MemoryRunFiles(), 128 * 1024);
    const printer = new Printer(tape);
    const reading = readThrough(tape, RUN_BEGIN, 0, true);
    for (let round = 0; round < 60; round += 1) {
      printer.print("stdout", 64 * 1024);
      await printer.room();
    }
    printer.finish();
    const seen = await reading;
    assert.deepEqual([seen.stdout, seen.gap], [printer.stdout, 0]);
  },
);

test("output that reaches the file's bound just when all before it is written is kept, and its end is not waited for for ever", async () => {
  const files = new MemoryRunFiles();
  const tape = newTape(files, 200_000);
  const printer = new Printer(tape);
  for (let times = 0; times < 8; times += 1) {
    printer.print("stdout", 65_000);
    // What is sealed is written before more comes.
    for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
  }
  printer.finish();
  const output = await tape.keep("host-1");
  assert.equal(output.kind, "file");
  const kept = await readThrough(storedSource(files, printer, output));
  assert.equal(kept.stdout, printer.stdout);
});

test("a full disk fails nobody: readers go on, and what is kept is the end of the output, which says that the rest is missing", async () => {
  const files = new MemoryRunFiles();
  files.room = 200_000;
  const tape = newTape(files);
  const printer = new Printer(tape);
  const reading = readThrough(tape);
  for (let times = 0; times < 30; times += 1) {
    printer.print("stdout", 30_000);
    await printer.room();
    await new Promise((resolve) => setImmediate(resolve));
  }
  printer.finish();
  const output = await tape.keep("host-1");
  assert.deepEqual([(await reading).stdout, (await reading).gap], [printer.stdout, 0]);
  assert.equal(output.kind, "inline");
  assert.deepEqual([files.files.size, files.unfinished], [0, 0]);
  const kept = await readThrough(storedSource(files, printer, output));
  assert.ok(kept.gap > 800_000 && kept.stdout === printer.stdout);
});

test("a slow disk slows the process, not memory", async () => {
  const files = new MemoryRunFiles();
  const gate = Promise.withResolvers<void>();
  files.beforeWrite = () => gate.promise;
  const tape = newTape(files);
  const printer = new Printer(tape);
  let printed = 0;
  while (!tape.isFull) {
    printer.print("stdout", 65_536);
    printed += 65_536;
  }
  assert.ok(printed < 2 * 1024 * 1024, `${printed} bytes are taken before it waits`);
  const room = Promise.withResolvers<void>();
  tape.onRoom(room.resolve);
  gate.resolve();
  await room.promise;
  printer.finish();
  await tape.keep("host-1");
  assert.equal((await readThrough(tape)).stdout, printed);
});

test("a damaged or missing file is a gap, then the end", async () => {
  const files = new MemoryRunFiles();
  const printer = new Printer(newTape(files));
  printer.stdout = 500;
  files.files.set(RUN.id, new Uint8Array(300).fill(9));
  const damaged = await readThrough(storedSource(files, printer, { kind: "file", hostId: "host-1", bytes: 300 }));
  assert.deepEqual([damaged.stdout, damaged.gap], [500, 500]);
  files.files.clear();
  assert.equal((await readThrough(storedSource(files, printer, { kind: "file", hostId: "host-1", bytes: 300 }))).gap, 500);
  assert.equal((await readThrough(storedSource(files, printer, { kind: "file", hostId: "host-2", bytes: 300 }))).gap, 500);
  assert.equal((await readThrough(storedSource(files, printer, { kind: "none" }))).gap, 500);
});

test("waiting ends when its time is over, when something comes, and when the reader is closed", async () => {
  const tape = newTape(new MemoryRunFiles());
  const printer = new Printer(tape);
  const reader = new PackedReader(tape, RUN_BEGIN);
  assert.deepEqual(await reader.next(5), { kind: "idle" });
  const next = reader.next(10_000);
  printer.print("stderr", 3);
  assert.equal((await next)?.kind, "output");
  const last = reader.next(10_000);
  reader.close();
  assert.equal(await last, undefined);
});

test("a reader that begins far behind reads little of what is before, once another one has come by, and gets the same", async () => {
  const files = new MemoryRunFiles();
  const tape = newTape(files);
  const printer = new Printer(tape);
  for (let count = 0; count < 300; count += 1) {
    printer.print("stdout", 20_000 + count);
    printer.print("stderr", count % 50 === 0 ? 30_000 : 10);
    if (count === 150) printer.stdout += 777;
    await printer.room();
  }
  printer.finish();
  const output = await tape.keep("host-1");
  const marks = new PackedMarks();
  const whole = await readThrough(storedSource(files, printer, output, marks));
  const readsOfAll = files.reads;
  assert.ok(readsOfAll > 20, `${readsOfAll} reads`);
  const far = Number.MAX_SAFE_INTEGER;
  for (const stdout of [0, 1, 1_000_000, 3_000_000, 3_030_800, 4_000_000, printer.stdout - 5, printer.stdout]) {
    for (const from of [
      { stdout, stderr: 0 },
      { stdout, stderr: Math.floor((printer.stderr * stdout) / printer.stdout) },
      { stdout, stderr: far },
      { stdout: far, stderr: Math.floor((printer.stderr * stdout) / printer.stdout) },
    ]) {
      const fresh = await readThrough(storedSource(files, printer, output), from);
      assert.deepEqual(await readThrough(storedSource(files, printer, output, marks), from), fresh, JSON.stringify(from));
      assert.deepEqual(await readThrough(tape, from), fresh, JSON.stringify(from));
    }
  }
  assert.equal(whole.gap, 777);
  files.reads = 0;
  await readThrough(storedSource(files, printer, output, marks), { stdout: printer.stdout - 5, stderr: far });
  assert.ok(files.reads <= 6, `${files.reads} reads of ${readsOfAll} for the last bytes`);
});

test("a kept output that is cut off or damaged anywhere ends with a gap, whoever keeps it: nobody waits for the rest of a record", async () => {
  const tape = newTape(new MemoryRunFiles());
  const printer = new Printer(tape);
  for (const [stream, length] of [
    ["stdout", 300],
    ["stderr", 200],
    ["stdout", 100],
  ] as const)
    printer.print(stream, length);
  printer.finish();
  const whole = await tape.keep("host-1");
  assert.equal(whole.kind, "inline");
  for (const length of [1, 12, 13, 200, 312, 313, 314, 330, 500, 600]) {
    const files = new MemoryRunFiles();
    const packed = whole.packed.slice(0, length);
    await readThrough(storedSource(files, printer, { kind: "inline", packed }));
    const writer = await files.create(RUN.id);
    await writer.write([packed]);
    await writer.finish();
    await writer.close();
    for (const bytes of [length, whole.packed.length]) {
      const seen = await readThrough(storedSource(files, printer, { kind: "file", hostId: "host-1", bytes }));
      assert.equal(seen.stdout, printer.stdout);
      assert.ok(seen.gap > 0);
    }
  }
});

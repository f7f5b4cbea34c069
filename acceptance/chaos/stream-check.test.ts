import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import fc from "fast-check";
import { Content } from "./content.ts";
import { planLife } from "./plan.ts";
import { StreamCheck } from "./stream-check.ts";

const TOTAL = 40_000;
const kind = fc.constantFrom("text" as const, "binary" as const);
const contentOf = (which: "text" | "binary"): Content => new Content("7", "s0n0j0", "stdout", which);

/** Cuts bytes into pieces of at most these lengths, over and over. */
function pieces(bytes: Buffer, lengths: readonly number[]): readonly Buffer[] {
  const parts: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
    const length = lengths[turn % lengths.length] ?? bytes.length;
    parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  return parts;
}

test("any range of a content is the same bytes, and is found again by its headers", () => {
  fc.assert(
    fc.property(kind, fc.nat(TOTAL), fc.nat(TOTAL), (which, one, other) => {
      const [from, to] = one < other ? [one, other] : [other, one];
      const content = contentOf(which);
      const range = content.bytes(from, to);
      assert.deepEqual(range, content.bytes(0, TOTAL + 1).subarray(from, to));
      if (range.length >= 512) assert.equal(content.locate(range), from);
    }),
    { numRuns: 50 },
  );
});

test("whole content in any pieces is faultless, as bytes and as text, and has its digest", () => {
  fc.assert(
    fc.property(kind, fc.nat(TOTAL), fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }), (which, total, lengths) => {
      const content = contentOf(which);
      const check = new StreamCheck(content, 0);
      for (const piece of pieces(content.bytes(0, total), lengths)) check.feed(piece);
      check.end(total, false);
      assert.ok(check.isFaultless);
      assert.equal(check.due, total);
      assert.equal(check.digest(total), createHash("sha256").update(content.bytes(0, total)).digest("hex"));
    }),
    { numRuns: 50 },
  );
  const content = contentOf("text");
  for (let total = 300; total < 340; total += 1) {
    const check = new StreamCheck(content, 0);
    check.feedText(
      content
        .bytes(0, total)
        .toString("utf8")
        .replace(/\u{FFFD}+$/u, "\u{FFFD}"),
    );
    check.end(total, true);
    assert.ok(check.isFaultless, `cut at ${total}`);
  }
});

test("bytes left out are counted as lost, bytes that come again as doubled, to the byte", () => {
  fc.assert(
    fc.property(kind, fc.integer({ min: 1, max: 8000 }), fc.integer({ min: 1, max: 3000 }), (which, at, count) => {
      const content = contentOf(which);
      const hole = new StreamCheck(content, 0);
      hole.feed(content.bytes(0, at));
      hole.feed(content.bytes(at + count, at + count + 600));
      hole.end(at + count + 600, false);
      assert.deepEqual([hole.lost, hole.doubled, hole.altered], [count, 0, 0]);
      const again = new StreamCheck(content, 0);
      const repeated = Math.min(at, count);
      again.feed(content.bytes(0, at));
      again.feed(content.bytes(at - repeated, at - repeated + 4000));
      again.end(Math.max(at, at - repeated + 4000), false);
      assert.deepEqual([again.lost, again.doubled, again.altered], [0, repeated, 0]);
    }),
    { numRuns: 50 },
  );
});

test("an end that comes too early is lost bytes, one byte changed is seen, and so is a missing half character", () => {
  const content = contentOf("text");
  const early = new StreamCheck(content, 0);
  early.feed(content.bytes(0, 1000));
  early.end(1001, false);
  assert.equal(early.lost, 1);
  const changed = new StreamCheck(content, 0);
  const bytes = content.bytes(0, 1000);
  bytes[500] = (bytes[500] ?? 0) ^ 1;
  changed.feed(bytes);
  changed.end(1000, false);
  assert.ok(changed.altered > 0);
  const cut = Array.from({ length: 300 }, (_, at) => at + 1).find((at) => content.characterAt(at) < at) ?? 0;
  const half = new StreamCheck(content, 0);
  half.feed(content.bytes(0, content.characterAt(cut)));
  half.end(cut, true);
  assert.ok(!half.isFaultless, "the replacement character is due");
});

test("a reader that begins anywhere finds out where it is", () => {
  const content = contentOf("binary");
  const check = new StreamCheck(content, null);
  for (const piece of pieces(content.bytes(12_345, 20_000), [100])) check.feed(piece);
  check.end(20_000, false);
  assert.ok(check.isFaultless);
  assert.equal(check.due, 20_000 - 12_345);
});

test("the program in the capsule prints the content that the check expects", () => {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-content-"));
  try {
    const program = readFileSync(fileURLToPath(new URL("producer.py", import.meta.url)), "utf8").replace(
      "/dev/shm/starts",
      `${dir}/starts`,
    );
    for (const which of ["text", "binary"] as const) {
      const out = execFileSync("python3", ["-c", program, "s0n0j0", "7", which, "30001", "0", "777", "0", "0"]);
      assert.deepEqual(out, contentOf(which).bytes(0, 30_001));
    }
    assert.equal(readFileSync(`${dir}/starts`, "utf8"), "s0n0j0\ns0n0j0\n");
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

test("the plan follows from the seed, and another seed has another", () => {
  assert.deepEqual(planLife("5", 1, 3, 0), planLife("5", 1, 3, 0));
  assert.notDeepEqual(planLife("5", 1, 3, 0), planLife("6", 1, 3, 0));
});

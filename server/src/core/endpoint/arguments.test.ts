import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { CapsuledError } from "../fail.ts";
import { readArguments } from "./arguments.ts";
import { definitionOf } from "./testing/definition.ts";

function refused(definition: ReturnType<typeof definitionOf>, given: Record<string, unknown>): Record<string, string> {
  try {
    readArguments(definition, given);
  } catch (error) {
    assert.ok(error instanceof CapsuledError && error.code === "invalid_request");
    const problems = error.details?.["problems"];
    assert.ok(Array.isArray(problems));
    return Object.fromEntries(problems.map(({ field, message }: { field: string; message: string }) => [field, message]));
  }
  return assert.fail("was not refused");
}

const typed = definitionOf({
  command: "x",
  args: [{ name: "text" }, { name: "whole", type: "integer" }, { name: "number", type: "number" }, { name: "truth", type: "boolean" }],
});

test("text is read as the type asked for, and numbers and truth values are written as text", () => {
  const cases: readonly [Record<string, unknown>, Record<string, unknown>][] = [
    [
      { text: "a", whole: 5, number: 1.5, truth: true },
      { text: "a", whole: 5, number: 1.5, truth: true },
    ],
    [
      { text: 5, whole: "5", number: "1.5e2", truth: "false" },
      { text: "5", whole: 5, number: 150, truth: false },
    ],
    [
      { text: true, whole: "-7", number: ".5", truth: "1" },
      { text: "true", whole: -7, number: 0.5, truth: true },
    ],
    [
      { text: "", whole: "+1", number: "-0", truth: 0 },
      { text: "", whole: 1, number: 0, truth: false },
    ],
    [{ text: null }, {}],
  ];
  for (const [given, expected] of cases) assert.deepEqual(readArguments(typed, given), expected);
});

test("a number that is not kept to its last digit is no text, and one that is, is", () => {
  for (const text of ["12345678901234567890", "-9007199254740993", "1e400", "1e21"])
    assert.match(refused(typed, { text: Number(text) })["text"] ?? "", /^is a number of more digits than are kept/, text);
  for (const kept of [9007199254740991, 0.1, -1.5e-7]) assert.deepEqual(readArguments(typed, { text: kept }), { text: String(kept) });
});

test("what is not of the type is refused, all of it in one answer", () => {
  assert.deepEqual(refused(typed, { text: { a: 1 }, whole: "5.5", number: "abc", truth: "yes" }), {
    text: "must be text, a number or a boolean",
    whole: "must be a whole number",
    number: "must be a number",
    truth: "must be true or false",
  });
  for (const whole of ["", " 5", "5 ", "0x10", "1e3", "99999999999999999", 1.5, 2 ** 53, true, Number.NaN]) {
    assert.deepEqual(refused(typed, { whole }), { whole: "must be a whole number" }, String(whole));
  }
  for (const number of ["", "Infinity", "NaN", "1e999", "1_000", "0x1", Number.POSITIVE_INFINITY]) {
    assert.deepEqual(refused(typed, { number }), { number: "must be a number" }, String(number));
  }
  assert.match(refused(typed, { text: ["a", "b"] })["text"] ?? "", /more than once/);
  assert.match(refused(typed, { text: "a\0b" })["text"] ?? "", /NUL/);
  assert.match(refused(typed, { text: "\ud800" })["text"] ?? "", /surrogates/);
});

test("an unknown name is refused with what was meant, and a missing required one too", () => {
  const definition = definitionOf({ command: "x", args: [{ name: "branch", required: true }] });
  assert.deepEqual(refused(definition, { brnach: "main" }), {
    branch: "is required",
    brnach: "is not an argument of this endpoint; did you mean branch?",
  });
  assert.match(refused(definition, { branch: "x", ["__proto__x"]: "y" })["__proto__x"] ?? "", /is not an argument/);
  const hostile = new Map<string, unknown>([
    ["branch", "x"],
    ["__proto__", { a: 1 }],
  ]);
  assert.deepEqual(Object.keys(refused(definition, Object.fromEntries(hostile))), ["__proto__"]);
});

test("of many unknown names only a few are compared with the known ones", () => {
  const definition = definitionOf({
    command: "x",
    args: Array.from({ length: 64 }, (_, index) => ({ name: `${"k".repeat(60)}${index}` })),
  });
  const given = Object.fromEntries(Array.from({ length: 100_000 }, (_, index) => [`${"k".repeat(57)}${index}`, "x"]));
  const problems = Object.values(refused(definition, given));
  assert.equal(problems.length, 20);
  assert.ok(problems.filter((message) => message.includes("did you mean")).length <= 3);
});

test("a pattern must match the whole value, alternatives and line ends included", () => {
  const definition = definitionOf({
    command: "x",
    args: [
      { name: "a", pattern: "dev|prod" },
      { name: "b", pattern: "[a-z]+$" },
      { name: "c", pattern: "." },
    ],
  });
  assert.deepEqual(readArguments(definition, { a: "prod", b: "x", c: "😀" }), { a: "prod", b: "x", c: "😀" });
  for (const a of ["prod; id", "xdev", "dev\n", "devprod", ""])
    assert.deepEqual(refused(definition, { a }), { a: 'must match "dev|prod"' });
  assert.ok(refused(definition, { b: "abc\n" })["b"]);
});

test("a pattern that makes other engines run for ever is answered at once", () => {
  for (const pattern of ["(a+)+", "(a|aa)*b", "(.*)*x", "(a{0,30}){0,30}"]) {
    const definition = definitionOf({ command: "x", args: [{ name: "a", pattern }] });
    assert.ok(refused(definition, { a: `${"a".repeat(30_000)}!` })["a"]);
  }
});

test("an enum and a length hold for what was read; a length counts characters, not halves of them", () => {
  const definition = definitionOf({
    command: "x",
    args: [
      { name: "level", type: "integer", enum: [1, 2] },
      { name: "short", max_length: 2 },
    ],
  });
  assert.deepEqual(readArguments(definition, { level: "2", short: "😀😀" }), { level: 2, short: "😀😀" });
  assert.deepEqual(refused(definition, { level: "3", short: "abc" }), {
    level: "must be one of 1, 2",
    short: "must have at most 2 characters",
  });
});

test("one value, and all together, are bounded", () => {
  const args = Array.from({ length: 20 }, (_, index) => ({ name: `a${index}` }));
  const definition = definitionOf({ command: "x", args });
  assert.match(refused(definition, { a0: "x".repeat(32_769) })["a0"] ?? "", /at most 32768 characters/);
  const all = Object.fromEntries(args.map(({ name }) => [name, "x".repeat(32_768)]));
  assert.match(refused(definition, all)["args"] ?? "", /655360 bytes together, at most 524288/);
});

test("property: whatever is given, it is read or refused as invalid_request", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom("text", "whole", "number", "truth", "x"), fc.jsonValue()), (given) => {
      try {
        const values = readArguments(typed, given);
        for (const value of Object.values(values)) assert.ok(["string", "number", "boolean"].includes(typeof value));
      } catch (error) {
        assert.ok(error instanceof CapsuledError && error.code === "invalid_request");
      }
    }),
  );
});

test("what the patterns of a call cost together has a bound, whatever each of them costs", () => {
  const costly = "(?:a|b)*a(?:a|b){900}";
  const definition = definitionOf({
    command: "x",
    args: Array.from({ length: 5 }, (_, index) => ({ name: `a${index}`, pattern: costly })),
  });
  const value = "ab".repeat(16_000);
  const given = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`a${index}`, value]));
  assert.deepEqual(refused(definition, given), { a0: "is too long to be compared with its pattern" });
  const some = Object.fromEntries(Array.from({ length: 5 }, (_, index) => [`a${index}`, "ab".repeat(500)]));
  const problems = refused(definition, some);
  assert.ok(Object.values(problems).includes("is too long to be compared with its pattern"), JSON.stringify(problems));
  assert.ok(
    Object.values(problems).some((message) => message.startsWith("must match")),
    JSON.stringify(problems),
  );
  const plain = definitionOf({ command: "x", args: [{ name: "a", pattern: "[a-z0-9+/=]{1,900}" }] });
  assert.deepEqual(readArguments(plain, { a: "a".repeat(900) }), { a: "a".repeat(900) });
});

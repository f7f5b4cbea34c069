import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { CapsuledError } from "../fail.ts";
import { readArguments } from "./arguments.ts";
import { buildInvocation } from "./build-invocation.ts";
import { definitionOf } from "./testing/definition.ts";
import { INJECTIONS } from "./testing/injections.ts";

const call = (definition: ReturnType<typeof definitionOf>, given: Record<string, unknown>) =>
  buildInvocation(definition, readArguments(definition, given));

const everyWay = definitionOf({
  command: 'prog fixed --in={{inside}} "a {{quoted}} b"',
  args: [
    { name: "inside" },
    { name: "plain" },
    { name: "quoted" },
    { name: "flagged", flag: "--flag" },
    { name: "joined", flag: "--joined=" },
  ],
});

test("an injection stays what it is, whichever way its value is passed", () => {
  for (const text of INJECTIONS) {
    const given = { inside: text, plain: text, quoted: text, flagged: text, joined: text };
    assert.deepEqual(call(everyWay, given), {
      cmd: "prog",
      args: ["fixed", `--in=${text}`, `a ${text} b`, text, "--flag", text, `--joined=${text}`],
      env: {},
    });
  }
});

test("property: no value changes how many elements there are, or any other element", () => {
  const value = fc.string({ unit: "grapheme", maxLength: 40 }).filter((text) => !text.includes("\0"));
  fc.assert(
    fc.property(value, value, value, value, value, (inside, plain, quoted, flagged, joined) => {
      const { args } = call(everyWay, { inside, plain, quoted, flagged, joined });
      assert.deepEqual(args, ["fixed", `--in=${inside}`, `a ${quoted} b`, plain, "--flag", flagged, `--joined=${joined}`]);
    }),
  );
});

test("with a shell the command's text never changes and an injection is a variable's value, seen by sh itself", () => {
  const definition = definitionOf({
    command: `printf '%s|' "$the_value" "$other"`,
    shell: true,
    args: [{ name: "the-value" }, { name: "other" }],
  });
  for (const text of INJECTIONS) {
    const invocation = call(definition, { "the-value": text });
    assert.deepEqual(invocation, { cmd: "sh", args: ["-c", definition.command], env: { the_value: text, other: "" } });
    const run = spawnSync(invocation.cmd, [...invocation.args], { env: { PATH: "/usr/bin:/bin", ...invocation.env }, encoding: "utf8" });
    assert.equal(run.stdout, `${text}||`);
  }
});

test("arguments come in declared order, after their flag; what has no value is skipped and leaves its place empty", () => {
  const definition = definitionOf({
    command: "prog x{{c}}",
    args: [
      { name: "a", flag: "-n", type: "integer" },
      { name: "b" },
      { name: "c" },
      { name: "d", type: "boolean", flag: "--dry" },
      { name: "e", type: "boolean" },
      { name: "f", default: "last" },
    ],
  });
  assert.deepEqual(call(definition, {}).args, ["x", "last"]);
  assert.deepEqual(call(definition, { f: "z", d: true, b: "B", a: 5, c: "C", e: "false" }).args, [
    "xC",
    "-n",
    "5",
    "B",
    "--dry",
    "false",
    "z",
  ]);
  assert.deepEqual(call(definition, { d: false, a: "-3" }).args, ["x", "-n", "-3", "last"]);
});

test("an empty value is an empty element, not a missing one", () => {
  assert.deepEqual(call(definitionOf({ command: "prog", args: [{ name: "a" }, { name: "b" }] }), { a: "", b: "x" }).args, ["", "x"]);
});

test("an element that its values make longer than the kernel takes is refused", () => {
  const definition = definitionOf({ command: "prog {{a}}{{a}}{{a}}{{a}}{{a}}", args: [{ name: "a" }] });
  assert.throws(() => call(definition, { a: "x".repeat(32_768) }), CapsuledError);
});

test("names of an object's own making are names like others", () => {
  const definition = definitionOf({ command: "prog", args: [{ name: "constructor" }, { name: "toString" }] });
  assert.deepEqual(call(definition, {}).args, []);
  assert.deepEqual(call(definition, { constructor: "a" }).args, ["a"]);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS } from "../src/commands/index.ts";
import type { Context } from "../src/context.ts";
import { commandHelp, groupHelp, programHelp } from "../src/help.ts";
import { table } from "../src/table.ts";
import { padTo, widthOf, wrapped } from "../src/text-width.ts";

test("a text is as wide as a terminal draws it: signs of two columns, marks of none, and no colour", () => {
  for (const [text, width] of [
    ["box", 3],
    ["grüße", 5],
    ["gru\u0308n", 4],
    ["日本", 4],
    ["한국", 4],
    ["🦀 box", 6],
    ["👩‍👩‍👧", 2],
    ["❤️", 2],
    ["\u001b[32mok\u001b[0m", 2],
    ["", 0],
  ] as const)
    assert.equal(widthOf(text), width, text);
  assert.equal(padTo("日本", 6), "日本  ");
  assert.equal(padTo("longer", 2), "longer");
});

test("columns stand below each other whatever is in them, and a table of many rows is made", () => {
  const context = { hasColour: false } as unknown as Context;
  const lines = table(
    context,
    ["NAME", "STATUS"],
    ["🦀", "日本", "grün", "box"].map((name) => [name, "running"]),
  ).split("\n");
  assert.deepEqual(
    lines.map((line) => widthOf(line.slice(0, line.search(/running|STATUS/)))),
    [6, 6, 6, 6, 6],
  );
  const many = Array.from({ length: 200_000 }, (_, at) => [String(at), "x"]);
  assert.equal(table(context, ["A", "B"], many).split("\n").length, many.length + 1);
});

test("help is no wider than the terminal, and says the same", () => {
  const words = (text: string): string => text.replaceAll(/\s+/g, " ");
  assert.deepEqual(wrapped("a bb ccc", 4), ["a bb", "ccc"]);
  for (const columns of [40, 60, 80, 120]) {
    const helps = [
      programHelp(COMMANDS, columns),
      groupHelp("runs", COMMANDS, columns),
      ...COMMANDS.map((one) => commandHelp(one, columns)),
    ];
    // Command lines are to be pasted, and stay whole.
    const broken = helps.flatMap((help) => help.split("\n").filter((line) => line.length > columns && !/capsuled /.test(line)));
    assert.deepEqual(broken, [], String(columns));
    assert.equal(words(programHelp(COMMANDS, columns)), words(programHelp(COMMANDS)));
    for (const one of COMMANDS) assert.equal(words(commandHelp(one, columns)), words(commandHelp(one)));
  }
});

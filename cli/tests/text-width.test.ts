import assert from "node:assert/strict";
import { test } from "node:test";
import { COMMANDS } from "../src/commands/index.ts";
import type { Context } from "../src/context.ts";
import { commandHelp, groupHelp, programHelp } from "../src/help.ts";
import { table } from "../src/table.ts";
import { cutTo, padTo, widthOf, wrapped } from "../src/text-width.ts";

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

test("what is cut says so, and is no wider than it may be, whatever is in it", () => {
  for (const [text, columns, due] of [
    ["box", 3, "box"],
    ["boxes", 4, "box…"],
    ["a box", 3, "a…"],
    ["日本語", 5, "日本…"],
    ["日本語", 4, "日…"],
    ["👩‍👩‍👧x👩‍👩‍👧", 4, "👩‍👩‍👧x…"],
    ["\u001b[32mrunning\u001b[0m", 4, "run…"],
    ["x y", 0, ""],
  ] as const) {
    assert.equal(cutTo(text, columns), due, text);
    assert.ok(widthOf(cutTo(text, columns)) <= columns);
  }
});

test("a table is no wider than its terminal: its widest columns are cut, never an id, and where that does not do its rows stand below themselves", () => {
  const id = `cl-${"a".repeat(25)}`;
  const names = ["ID", "NAME", "STATUS", "COMMAND"];
  const rows = [
    [id, "box", "\u001b[32mrunning\u001b[0m", "sh -c 'a long command, which goes on'"],
    [id, "日本", "paused", "true"],
  ];
  const on = (columns?: number): string => table({ hasColour: false, columns } as unknown as Context, names, rows);
  assert.equal(on(200), on());
  assert.equal(on(80).split("\n").length, 3);
  assert.ok(on(80).includes("sh -c 'a long command, which goes…"), on(80));
  for (const columns of [40, 50, 60, 70, 80, 90]) {
    const shown = on(columns);
    for (const line of shown.split("\n")) assert.ok(widthOf(line) <= columns, `${columns}: ${line}`);
    assert.equal(shown.split(id).length, 3, shown);
  }
  assert.equal(
    on(40),
    [
      `ID       ${id}`,
      "NAME     box",
      "STATUS   \u001b[32mrunning\u001b[0m",
      "COMMAND  sh -c 'a long command, which g…",
      "",
      `ID       ${id}`,
      "NAME     日本",
      "STATUS   paused",
      "COMMAND  true",
    ].join("\n"),
  );
  const empty = table({ hasColour: false, columns: 20 } as unknown as Context, names, []);
  assert.equal(empty, "ID  NAME  STATUS  C…");
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

import assert from "node:assert/strict";
import { test } from "node:test";
import { Context } from "../src/context.ts";
import { COMMANDS } from "../src/commands/index.ts";
import { findCommand, parseCommand } from "../src/parse.ts";

test("what a capsule's file is called draws nothing on the terminal where a copy of several goes on without it", () => {
  const found = findCommand(COMMANDS, ["cp", "box:/a", "box:/b", "."]);
  assert.ok(found !== null);
  let written = "";
  const stderr = { write: (text: string) => (written += text) };
  const surroundings = { stderr, env: {}, argv: ["node", "capsuled"], cwd: () => "/" } as unknown as NodeJS.Process;
  const context = new Context(surroundings, found.command, parseCommand(found.command, found.argv));
  const path = Buffer.from("./\u001b]0;owned\u0007\u009b2J name");
  context.complain(Object.assign(new Error("no"), { code: "EACCES", syscall: "open", path }));
  assert.match(written, /^capsuled: \.\/.* name: this user may not do that\n$/);
  // oxlint-disable-next-line no-control-regex
  assert.doesNotMatch(written.trimEnd(), /[\u0000-\u001f\u007f-\u009f]/);
});

import assert from "node:assert/strict";
import { test } from "node:test";
import { AgentRefusal } from "../ports/agent-link.ts";
import { notStartable } from "./refusal.ts";

const said = (cmd: string): string | undefined =>
  notStartable(cmd, new AgentRefusal("not_found", "no such file or directory", "cmd"))?.message;

test("a program that is not found says what its caller may have overlooked: a whole line in cmd, or a script's interpreter", () => {
  assert.equal(said("nope"), "nope: command not found");
  assert.match(said("ls -l") ?? "", /^ls -l: command not found \(it is taken as one program's name: /);
  assert.equal(said("/srv/run"), "/srv/run: command not found (no such file, or the interpreter that its first line names is missing)");
});

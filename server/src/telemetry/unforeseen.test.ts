import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";

/** A program that tells what is logged, and then what is done to it. */
const program = (act: string): string => `
  import { tellUnforeseen } from ${JSON.stringify(new URL("unforeseen.ts", import.meta.url).href)};
  const say = (level) => (fields, message) => console.log(level, fields.error.message, message);
  tellUnforeseen(process, { debug: say("debug"), info: say("info"), warn: say("warn"), error: say("error") });
  setTimeout(() => console.log("it goes on"), 50);
  ${act};
`;

const run = (act: string) => spawnSync(process.execPath, ["--input-type=module", "--eval", program(act)], { encoding: "utf8" });

test("a rejection that nobody waits for is logged, and the process goes on", () => {
  const { status, stdout } = run('void Promise.reject(new Error("forgotten"))');
  assert.equal(status, 0);
  assert.match(stdout, /^error forgotten unhandled rejection: .*\nit goes on\n$/);
});

test("an exception that nobody catches ends the process, with its stack on standard error", () => {
  const { status, stdout, stderr } = run('setImmediate(() => { throw new Error("thrown"); })');
  assert.equal(status, 1);
  assert.equal(stdout, "");
  assert.match(stderr, /Error: thrown\n\s+at /);
});

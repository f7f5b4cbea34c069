import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { readOptions } from "./options.ts";

const MAIN = fileURLToPath(new URL("main.ts", import.meta.url));

test("options have their defaults, and are read", () => {
  assert.deepEqual(readOptions([]), { kind: "run", options: { minutes: 1, seed: "1", slots: 4, log: undefined, json: false } });
  assert.deepEqual(readOptions(["--minutes", "0.5", "--seed", "x", "--slots", "2", "--log", "/tmp/l", "--json"]), {
    kind: "run",
    options: { minutes: 0.5, seed: "x", slots: 2, log: "/tmp/l", json: true },
  });
});

test("a wrong option, a wrong number and one too many are told in a line", () => {
  for (const [args, problem] of [
    [["--minuts", "5"], /^Unknown option '--minuts'$/],
    [["--minutes", "-5"], /--minutes/],
    [["--minutes", "99999"], /^--minutes must be more than 0 and at most 1440$/],
    [["--slots", "many"], /^--slots must be/],
    [["5"], /^Unexpected argument '5'/],
  ] as const) {
    const read = readOptions(args);
    assert.ok(read.kind === "wrong", args.join(" "));
    assert.match(read.problem, problem);
  }
});

test("the program shows how it is used, asked or after a wrong option, and starts nothing", () => {
  const run = (...args: readonly string[]) => spawnSync(process.execPath, [MAIN, ...args], { encoding: "utf8", timeout: 60_000 });
  const help = run("--help");
  assert.deepEqual([help.status, help.stderr], [0, ""]);
  assert.match(help.stdout, /^npm run chaos -- \[--minutes N\]/);
  const wrong = run("--minuts", "5");
  assert.equal(wrong.status, 64);
  assert.match(wrong.stderr, /^chaos: Unknown option '--minuts'\n\nnpm run chaos/);
  assert.doesNotMatch(wrong.stderr, /    at /);
});

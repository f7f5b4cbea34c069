import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test, { type TestContext } from "node:test";
import { fileURLToPath } from "node:url";

const PROGRAM = fileURLToPath(new URL("what-failed.ts", import.meta.url));

const FAILING = `
import assert from "node:assert/strict";
import test, { describe } from "node:test";
test("goes well # really", () => {});
test("compares", () => assert.deepEqual({ a: 1 }, { a: 2 }, "the pear\\nis no apple"));
describe("a group", () => test("waits", { timeout: 20 }, async () => { await new Promise((done) => setTimeout(done, 1_000)); }));
test("is not there", { skip: "no pears" }, () => {});
`;

const CARGO = `test a::well ... ok
test b::breaks ... FAILED

failures:

---- b::breaks stdout ----
thread 'b::breaks' panicked at 'the pipe is shut', agent/src/b.rs:7:9
note: run with \`RUST_BACKTRACE=1\`

failures:
    b::breaks

test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s

error: test failed, to rerun pass \`--lib\`
`;

const CHECKS = `ok   types         1.0 s
FAIL lint          2.0 s
     server/src/main.ts: a pear
FAIL format        2.0 s
     server/src/config.ts
checks: 1 passed, 2 failed
`;

function toldOf(t: TestContext, files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-what-failed-"));
  t.after(() => rmSync(dir, { recursive: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return execFileSync(process.execPath, [PROGRAM, dir], { encoding: "utf8" });
}

function tapOf(t: TestContext, source: string): string {
  const dir = mkdtempSync(join(tmpdir(), "capsuled-what-failed-"));
  t.after(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, "cases"));
  writeFileSync(join(dir, "cases", "pears.test.ts"), source);
  const { NODE_TEST_CONTEXT: _, ...env } = process.env; // else the inner runner reports to the outer one
  return spawnSync(process.execPath, ["--test", "--test-reporter=tap", join(dir, "cases", "pears.test.ts")], { encoding: "utf8", env })
    .stdout;
}

test("each test that failed is told with its whole error and its place, and none that passed or was skipped", (t) => {
  const told = toldOf(t, { "unit.tap": tapOf(t, FAILING) });
  assert.match(told, /^FAILED unit: compares\n  at .*pears\.test\.ts:5:1\n  the pear\n  is no apple\n/m);
  assert.match(told, /^FAILED unit: a group > waits\n.*\n  test timed out after 20ms$/m);
  assert.equal(told.match(/^FAILED/gm)?.length, 2);
});

test("a file that falls before its first test is told with what it said", (t) => {
  const told = toldOf(t, { "acceptance.tap": tapOf(t, `import "./no-such-pear.ts";`) });
  assert.match(told, /^FAILED acceptance: .*pears\.test\.ts$/m);
  assert.match(told, /Cannot find module .*no-such-pear\.ts/);
});

test("a runner that was killed is told, whatever it had written", (t) => {
  const whole = tapOf(t, `import test from "node:test"; test("goes well", () => {});`);
  assert.equal(toldOf(t, { "unit.tap": whole }), "");
  const cut = whole.slice(0, whole.indexOf("# tests"));
  assert.match(toldOf(t, { "unit.tap": cut }), /^FAILED unit: its runner ended without a sum$/m);
  assert.match(toldOf(t, { "unit.tap": "" }), /^FAILED unit: its runner ended without a sum$/m);
});

test("what cargo, the checks, chaos and skips say is told too", (t) => {
  const told = toldOf(t, {
    rust: CARGO,
    static: CHECKS,
    chaos: "chaos: seed 24\nFAIL bytes 1 expected   1 lost\nfound (1):\n  byte 7 is gone\nchaos: 8 passed, 1 failed\n",
    skipped: "ok 3 - pears # SKIP none here\n",
  });
  assert.match(told, /^FAILED rust: b::breaks\n  thread 'b::breaks' panicked at 'the pipe is shut'/m);
  assert.match(told, /^FAILED static: lint\n  server\/src\/main\.ts: a pear\n\nFAILED static: format\n  server\/src\/config\.ts\n/m);
  assert.match(told, /^FAILED chaos: FAIL bytes 1 expected   1 lost\n  found \(1\):\n    byte 7 is gone$/m);
  assert.match(told, /does not name it\n  ok 3 - pears # SKIP none here$/m);
  assert.equal(told.match(/^FAILED/gm)?.length, 5);
});

test("a build that broke is told by the compiler's own words", (t) => {
  const told = toldOf(t, {
    rust: "   Compiling capsuled-agent\nerror[E0425]: cannot find value `pear`\n --> agent/src/main.rs:3:5\n\nerror: could not compile\n",
  });
  assert.match(told, /^FAILED rust: error\[E0425\]: cannot find value `pear`\n   --> agent\/src\/main\.rs:3:5$/m);
});

test("nothing is told where nothing failed", (t) => {
  const told = toldOf(t, {
    static: "ok   types 1.0 s\nchecks: 1 passed, 0 failed\n",
    rust: "test result: ok. 1 passed; 0 failed\n",
    chaos: "chaos: 9 passed, 0 failed\n",
  });
  assert.equal(told, "");
});

test("a long error is cut, and says by how much", (t) => {
  const told = toldOf(t, { static: `FAIL lint 1.0 s\n${"     pear\n".repeat(100)}checks: 0 passed, 1 failed\n` });
  assert.match(told, /^  … 60 more lines$/m);
});

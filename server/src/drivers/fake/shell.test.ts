import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { createFakeWorld, text } from "./testing/fake-world.ts";

/** Lines that this shell and a real one must take alike. */
const ALIKE = [
  "echo hello; echo world",
  'echo \'a  b\' "c $X d" e\\ f "\\"q\\""',
  "true && echo yes; false && echo no; false || echo or; echo $?",
  "false; echo $?; true; echo $?",
  "exit 3; echo never",
  "exit",
  "echo out; echo err >&2",
  "echo err 1>&2; echo out 2>&1",
  "echo one > /tmp/capsuled-shell-test; echo two >> /tmp/capsuled-shell-test; cat /tmp/capsuled-shell-test; rm /tmp/capsuled-shell-test",
  "echo lost > /dev/null; echo lost >&2 2>/dev/null; nosuchprogram 2>/dev/null; echo $?",
  "Y=5; echo ${Y}x$Y",
  "cd /tmp && pwd; cd /; pwd",
  "printf '%s-%d|' a 1 b 2; printf '\\101\\t%%\\n'",
  "seq 3; sleep 0; echo done",
  "echo a#b 'single $X'; echo",
  ": ; echo ok",
  "sh -c 'exit 7'; echo $?",
];

test("what the shell knows it does as a real one", async () => {
  using world = await createFakeWorld();
  for (const line of ALIKE) {
    const real = runReal(line);
    const { end, stdout, stderr } = await world.run("sh", ["-c", line], { env: { PATH: "/bin", X: "value" } });
    assert.deepEqual({ code: end.exitCode, stdout: text(stdout), stderr: text(stderr) }, real, line);
  }
});

function runReal(line: string): { readonly code: number; readonly stdout: string; readonly stderr: string } {
  const script = `out=$(mktemp); err=$(mktemp); (cd /root 2>/dev/null || cd /; X=value; export X; exec sh -c "$1") >"$out" 2>"$err"; code=$?; printf '%s\\0' "$code"; cat "$out"; printf '\\0'; cat "$err"; rm -f "$out" "$err"`;
  const [code = "", stdout = "", stderr = ""] = execFileSync("sh", ["-c", script, "sh", line], { encoding: "utf8" }).split("\0");
  return { code: Number(code), stdout, stderr };
}

test("what the shell does not know is refused by name, never done wrongly", async () => {
  using world = await createFakeWorld();
  for (const line of [
    "echo a | cat",
    "sleep 1 & echo",
    "echo $(id)",
    "echo `id`",
    "for i in 1; do echo; done | x",
    "ls *",
    "(echo a)",
    "cat < f",
    "echo 'open",
    "true &&",
    "trap x INT",
    "kill -9 1",
  ]) {
    const { end, stderr } = await world.run("sh", ["-c", line]);
    assert.ok(end.exitCode === 2 || end.exitCode === 127, `${line}: ${end.exitCode}`);
    assert.notEqual(text(stderr), "", line);
  }
});

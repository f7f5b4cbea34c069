import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import fc from "fast-check";
import { fixedText, splitCommand } from "./split-command.ts";

function words(command: string): readonly (string | undefined)[] {
  const split = splitCommand(command);
  assert.ok(split.ok, split.ok ? "" : split.problem);
  return split.words.map(fixedText);
}

function problem(command: string): string {
  const split = splitCommand(command);
  assert.ok(!split.ok, `${command} was not refused`);
  return split.problem;
}

test("quotes and backslashes make words as POSIX has them", () => {
  const cases: readonly [string, readonly string[]][] = [
    ["echo hello", ["echo", "hello"]],
    ["  echo \t a   b \n", ["echo", "a", "b"]],
    [`echo 'a b' "c d" e\\ f`, ["echo", "a b", "c d", "e f"]],
    [`a'b'"c"\\d`, ["abcd"]],
    [`echo '' ""`, ["echo", "", ""]],
    [`echo "a\\"b\\\\c\\$d\\\`e"`, ["echo", 'a"b\\c$d`e']],
    [`echo "a\\nb" '\\n'`, ["echo", "a\\nb", "\\n"]],
    ["echo a \\\n  b", ["echo", "a", "b"]],
    ["echo 'a\nb' \"c\nd\"", ["echo", "a\nb", "c\nd"]],
    ["echo a#b x~y 100% a=b {x,y} ]", ["echo", "a#b", "x~y", "100%", "a=b", "{x,y}", "]"]],
    ["[ -f /tmp/x ]", ["[", "-f", "/tmp/x", "]"]],
    [`grep "end$" '|;&' \\| \\*`, ["grep", "end$", "|;&", "|", "*"]],
    ["docker ps --format '{{.Names}}'", ["docker", "ps", "--format", "{{.Names}}"]],
    ["echo \\{{name}} é😀", ["echo", "{{name}}", "é😀"]],
    ["echo a\\ ", ["echo", "a "]],
  ];
  for (const [command, expected] of cases) assert.deepEqual(words(command), expected, command);
});

test("what a shell would treat specially is refused where it stands, with the way out", () => {
  for (const char of "|&;<>()$`*?") {
    const message = problem(`echo a${char}b`);
    assert.match(message, /character 7 needs shell: true/, char);
    assert.deepEqual(words(`echo 'a${char}b' a\\${char}b`), ["echo", `a${char}b`, `a${char}b`]);
  }
  for (const command of [
    "echo #x",
    "ls ~/x",
    "ls [ab]",
    "ls a[b]",
    "ls [",
    'echo "$HOME"',
    'echo "${x}"',
    'echo "$(id)"',
    'echo "`id`"',
    "a\nb",
  ])
    assert.match(problem(command), /needs shell: true/, command);
});

test("what is not closed, and a command without words, is refused", () => {
  assert.match(problem("echo 'a"), /single quote at character 6 is not closed/);
  assert.match(problem('echo "a'), /double quote at character 6 is not closed/);
  assert.match(problem("echo \\"), /backslash/);
  assert.equal(problem(""), "is empty");
  assert.equal(problem(" \n "), "is empty");
});

test("an argument's place is a part of its word, unquoted and in double quotes; single quotes keep it as text and it is told", () => {
  const split = splitCommand(`run --to={{ to }} "x {{a-b}} y" {{to}}{{a-b}} '{{to}}'`);
  assert.ok(split.ok);
  assert.deepEqual(
    split.words.slice(1).map(({ parts }) => parts),
    [
      [
        { kind: "text", text: "--to=" },
        { kind: "arg", name: "to" },
      ],
      [
        { kind: "text", text: "x " },
        { kind: "arg", name: "a-b" },
        { kind: "text", text: " y" },
      ],
      [
        { kind: "arg", name: "to" },
        { kind: "arg", name: "a-b" },
      ],
      [{ kind: "text", text: "{{to}}" }],
    ],
  );
  assert.deepEqual(split.literalPlaces, ["to"]);
  for (const command of ["echo {{.x}}", "echo {{", 'echo "{{a b}}"', "echo {{a", "echo {{1}}"])
    assert.match(problem(command), /`\{\{` at character \d+ is not followed/, command);
});

test("property: what is not refused is split as sh splits it", () => {
  const piece = fc.oneof(
    { weight: 3, arbitrary: fc.constantFrom("a", "bc", "-x", "=", "/", ".", "é", "%", "{", "}", "]", "!") },
    { weight: 3, arbitrary: fc.constantFrom("'", '"', "\\", " ", "\t", "\n", "'a b'", '"c d"', "''", '""', "\\\\", "\\ ", '\\"', "\\'") },
    { weight: 1, arbitrary: fc.constantFrom("$", "`", "|", "*", "#", "~", "[", ";", "'$x;'", '"\\$x"', "\\$", "\\*", "\\\n") },
  );
  let compared = 0;
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const command = pieces.join("");
      const split = splitCommand(command);
      if (!split.ok || split.words.some((word) => fixedText(word) === undefined)) return;
      // A line that is continued with an empty one is no line yet; behind printf it would end that.
      const first = /^(?:[ \t\n]|\\\n)*/.exec(command)?.[0].length ?? 0;
      // `%s` and a NUL after each word, by sh itself.
      const shell = spawnSync("sh", ["-c", `printf '%s\\0' ${command.slice(first)}`], { encoding: "utf8", env: {} });
      assert.equal(shell.status, 0, `${JSON.stringify(command)}: ${shell.stderr}`);
      assert.deepEqual(shell.stdout.split("\0").slice(0, -1), split.words.map(fixedText), JSON.stringify(command));
      compared += 1;
    }),
    { numRuns: 300 },
  );
  assert.ok(compared > 30, `only ${compared} were compared`);
});

test("property: whatever the text, it is split or refused at a place within it", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 60 }), (command) => {
      const split = splitCommand(command);
      if (split.ok) assert.ok(split.words.length > 0);
      else assert.ok(split.index >= 0 && split.index <= command.length);
    }),
  );
});

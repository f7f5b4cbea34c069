import assert from "node:assert/strict";
import { test } from "node:test";
import type { z } from "zod";
import type { endpointDefinition } from "@capsuled/contract";
import { cronSchedules } from "../../cron/schedules.ts";
import { checkDefinition } from "./check-definition.ts";
import { pathText } from "./problem.ts";
import { definitionOf } from "./testing/definition.ts";

type Fields = z.input<typeof endpointDefinition>;
const facts = { schedules: cronSchedules, timeoutSecMax: 120 };

function check(fields: Fields) {
  return checkDefinition(definitionOf(fields), facts);
}

/** `path: message` of each problem. */
function problems(fields: Partial<Fields>): readonly string[] {
  return check({ command: "echo", ...fields }).problems.map(({ path, message }) => `${pathText(path)}: ${message}`);
}

test("a definition that is right has no problem", () => {
  const right: readonly Fields[] = [
    { command: "echo hello" },
    { command: "sh -c 'echo $1' sh {{a}}", args: [{ name: "a", required: true }] },
    { command: "{{tool}} --version", args: [{ name: "tool", enum: ["git", "node"] }] },
    { command: 'echo "$branch" | tee log', shell: true, args: [{ name: "branch", default: "main" }] },
    { command: "docker ps --format '{{.Names}}' | head", shell: true },
    { command: "x", trigger: "webhook", secret: "$KEY", envs: { KEY: "12345678" }, webhook_source: "github" },
    { command: "x", schedule: "*/5 * * * *", timezone: "Europe/Berlin", args: [{ name: "a", default: "b" }, { name: "c" }] },
    { command: "x", transformer: { type: "regex", pattern: "(?<a>.)", flags: "im" }, capsule: `cl-${"a".repeat(25)}` },
  ];
  for (const fields of right) assert.deepEqual(check(fields).problems, [], fields.command);
});

test("each rule names the field that has to change", () => {
  const cases: readonly [Partial<Fields>, string | RegExp][] = [
    [{ command: "a | b" }, /^command: `\|` at character 3 needs shell: true/],
    [{ command: "cd /x" }, 'command: begins with "cd", which needs shell: true'],
    [{ command: "A=1 b" }, 'command: begins with "A=1", which needs shell: true; variables can be given in envs'],
    [{ command: "'' x" }, "command: begins with an empty program"],
    [{ command: "echo {{nmae}}", args: [{ name: "name" }] }, "command: {{nmae}} names no argument; did you mean name?"],
    [{ command: "echo '{{a}}'", args: [{ name: "a" }] }, /^command: \{\{a\}\} is text within single quotes/],
    [{ command: "./{{a}}", args: [{ name: "a" }] }, "command: {{a}} is part of the program, so that the argument needs an enum"],
    [{ command: "echo {{a}}", args: [{ name: "a", flag: "-a" }] }, "args[0].flag: is never used, since {{a}} has its place in the command"],
    [{ command: 'echo "{{a-b}}"', shell: true, args: [{ name: "a-b" }] }, /^command: \{\{a-b\}\} has no place .* "\$a_b"/],
    [{ command: " \n", shell: true }, "command: is empty"],
    [{ shell: true, args: [{ name: "a-b" }, { name: "a_b" }] }, "args[1].name: is the variable a_b, as a-b is"],
    [{ shell: true, args: [{ name: "PATH" }] }, /^args\[0\]\.name: is the variable PATH/],
    [{ shell: true, args: [{ name: "LD_PRELOAD" }] }, /^args\[0\]\.name: is the variable LD_PRELOAD/],
    [{ shell: true, args: [{ name: "x" }], envs: { x: "1" } }, "args[0].name: is the variable x, which envs has too"],
    [{ shell: true, args: [{ name: "x", flag: "-x" }] }, "args[0].flag: is for commands without a shell"],
    [{ args: [{ name: "a", type: "integer", default: "x" }] }, "args[0].default: must be a whole number"],
    [{ args: [{ name: "a", enum: ["x"], default: "y" }] }, 'args[0].default: must be one of "x"'],
    [{ args: [{ name: "a", pattern: "[a-z]", default: "1" }] }, 'args[0].default: must match "[a-z]"'],
    [{ args: [{ name: "a", max_length: 1, default: "ab" }] }, "args[0].default: must have at most 1 characters"],
    [{ args: [{ name: "a", type: "integer", enum: [1, "b"] }] }, "args[0].enum[1]: must be a whole number"],
    [{ args: [{ name: "a", pattern: "[a-z]", enum: ["1"] }] }, 'args[0].enum[0]: must match "[a-z]"'],
    [{ args: [{ name: "a", required: true, default: "x" }] }, /^args\[0\]\.default: is never used/],
    [{ args: [{ name: "a", pattern: "[" }] }, /^args\[0\]\.pattern: is no pattern: missing closing \]/],
    [{ args: [{ name: "a", pattern: "a)|(b" }] }, /^args\[0\]\.pattern: is no pattern/],
    [{ args: [{ name: "a", pattern: "(?=a)" }] }, /^args\[0\]\.pattern: is no pattern.*look-around/],
    [{ args: [{ name: "a", pattern: "((a{30}){30}){1,3}" }] }, /^args\[0\]\.pattern: is (too large|no pattern)/],
    [{ args: [{ name: "a", type: "number", pattern: "a" }] }, "args[0].pattern: is for strings"],
    [{ args: [{ name: "a", type: "boolean", max_length: 3 }] }, "args[0].max_length: is for strings"],
    [{ args: [{ name: "a", type: "boolean", flag: "--a=" }] }, /^args\[0\]\.flag: a boolean gives its flag alone/],
    [{ args: [{ name: "__proto__" }] }, "args[0].name: is a reserved name"],
    [{ schedule: "* * *" }, /^schedule: it has 3 fields/],
    [{ schedule: "0 0 * * *", timezone: "Mars/Base" }, /^timezone: there is no time zone/],
    [{ schedule: "0 0 * * *", args: [{ name: "a", required: true }] }, /^args\[0\]\.required: a schedule gives no arguments/],
    [{ timeout: 121 }, "timeout: is more than the server's bound of 120 s"],
    [{ stdin: "body", method: "GET" }, "method: GET has no body, which `stdin: body` needs"],
    [{ trigger: "webhook", method: ["GET"] }, "method: GET has no body, which a webhook needs"],
    [{ webhook_source: "github" }, "webhook_source: is for `trigger: webhook`"],
    [{ trigger: "webhook", secret: "$SECRET_NAME" }, "secret: names the variable SECRET_NAME, which envs does not have"],
    [
      { trigger: "webhook", secret: ["literal-one", "$SECRET_NAME"] },
      "secret[1]: names the variable SECRET_NAME, which envs does not have",
    ],
    [
      { trigger: "webhook", secret: "$SECRET_NAME", envs: { SECRET_NAME: "short" } },
      /^secret: names the variable SECRET_NAME, which has fewer/,
    ],
    [{ trigger: "webhook", secret: "$wrapd:NAME" }, /^secret: there is no store of secrets/],
    [{ capsule: "mine" }, /^capsule: is no capsule's id/],
    [
      { args: Array.from({ length: 9 }, (_, index) => ({ name: `a${index}`, default: "x".repeat(32_000) })) },
      /^args: make a definition of \d+ bytes/,
    ],
    [{ transformer: { type: "regex", pattern: "(" } }, /^transformer\.pattern: is no regular expression/],
    [{ transformer: { type: "regex", pattern: "a", flags: "ii" } }, "transformer.flags: has a flag twice"],
  ];
  for (const [fields, expected] of cases) {
    const found = problems(fields);
    assert.equal(found.length, 1, `${JSON.stringify(fields)}: ${found.join(" | ")}`);
    if (typeof expected === "string") assert.equal(found[0], expected);
    else assert.match(found[0] ?? "", expected);
  }
});

test("all problems of a definition come together", () => {
  assert.equal(problems({ command: "a;b", timeout: 500, schedule: "x", args: [{ name: "a", type: "integer", default: "x" }] }).length, 4);
});

test("defaults and enums are stored as their argument's type has them", () => {
  const { definition } = check({
    command: "x",
    args: [
      { name: "a", default: 5 },
      { name: "b", type: "integer", enum: ["1", "2"], default: "2" },
    ],
  });
  assert.equal(definition.args?.[0]?.default, "5");
  assert.deepEqual(definition.args?.[1]?.enum, [1, 2]);
  assert.equal(definition.args?.[1]?.default, 2);
});

test("a public webhook has a secret, or says that it has none", () => {
  assert.match(
    problems({ command: "x", trigger: "webhook", public: true })[0] ?? "",
    /^secret: is required for a public webhook: .*`unsigned: true`/,
  );
  assert.deepEqual(problems({ command: "x", trigger: "webhook", public: true, unsigned: true }), []);
  assert.deepEqual(problems({ command: "x", trigger: "webhook", public: true, secret: "long enough" }), []);
  assert.deepEqual(problems({ command: "x", trigger: "webhook" }), []);
});

test("a webhook that anyone can run, and one that its sender cannot reach, are taken with a warning", () => {
  const warnings = (fields: Fields): readonly string[] =>
    check(fields).warnings.map(({ path, message }) => `${path.join(".")}: ${message}`);
  assert.deepEqual(warnings({ command: "x", trigger: "webhook", public: true, unsigned: true }), [
    "unsigned: anyone who knows the URL can run it",
  ]);
  assert.match(warnings({ command: "x", trigger: "webhook", secret: "long enough" })[0] ?? "", /^public: .*API key.*`public: true`$/);
  assert.deepEqual(warnings({ command: "x", trigger: "webhook", public: true, secret: "long enough" }), []);
  assert.deepEqual(warnings({ command: "x", trigger: "webhook" }), []);
});

test("the patterns of one definition have a bound together, and so has what comparing its own values with them costs", () => {
  const args = Array.from({ length: 16 }, (_, index) => ({ name: `a${index}`, pattern: `(?:a|b){900}${index}` }));
  const found = problems({ command: "x", args });
  assert.ok(found.length > 0 && found.length < 8, found.join("\n"));
  for (const problem of found) assert.match(problem, /patterns before it have more than 10000 instructions/);
  const values = Array.from({ length: 50 }, (_, index) => `${"ab".repeat(200)}${index}`);
  const compared = problems({ command: "x", args: [{ name: "a", pattern: "(?:a|b)*a(?:a|b){400}.*", enum: values }] });
  assert.ok(
    compared.some((problem) => problem.includes("is too long to be compared with its pattern")),
    compared.join("\n"),
  );
});

test("of many wrong places in a command a few are told", () => {
  const command = `echo ${Array.from({ length: 300 }, (_, index) => `{{nme${index}}}`).join("")}`;
  const found = problems({ command, args: Array.from({ length: 64 }, (_, index) => ({ name: `name${index}` })) });
  assert.equal(found.length, 20);
});

test("a key in the form whsec_ has enough bytes where it is decoded, be it given or named", () => {
  const hook = { command: "x", trigger: "webhook", public: true } as const;
  const short = `whsec_${btoa("fifteen bytes..")}`;
  const enough = `whsec_${btoa("sixteen bytes...")}`;
  assert.deepEqual(problems({ ...hook, secret: "whsec_AA==" }), ["secret: is a key of fewer than 16 bytes after `whsec_`"]);
  assert.equal(problems({ ...hook, secret: [enough, short] }).length, 1);
  assert.match(
    problems({ ...hook, secret: "$KEY", envs: { KEY: short } })[0] ?? "",
    /names the variable KEY, which is a key of fewer than/,
  );
  assert.deepEqual(problems({ ...hook, secret: enough }), []);
  assert.deepEqual(problems({ ...hook, secret: short, webhook_source: "stripe" }), []);
});

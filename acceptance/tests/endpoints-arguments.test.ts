import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { getRun, publish, runEnded } from "../harness/endpoint.ts";
import type { EndpointCall, TestEndpoint } from "../harness/endpoint.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
  // Prints each argument as it got it, with a NUL after each.
  await capsule.sh(
    `printf '%s\\n' '#!/bin/sh' 'for one do printf "%s\\\\000" "$one"; done' > /usr/local/bin/show; chmod +x /usr/local/bin/show; rm -rf /root/pwned`,
  );
});
after(() => capsule[Symbol.asyncDispose]());

async function argv(endpoint: TestEndpoint, options: EndpointCall = {}): Promise<readonly string[]> {
  const { output = "" } = await endpoint.json(options);
  return output.split("\0").slice(0, -1);
}

/** What has broken out of other systems, each by its own way in. */
const HOSTILE = [
  "; touch /root/pwned",
  "| touch /root/pwned",
  "|| touch /root/pwned",
  "&& touch /root/pwned",
  "& touch /root/pwned &",
  "$(touch /root/pwned)",
  "`touch /root/pwned`",
  "${IFS}touch${IFS}/root/pwned",
  "'; touch /root/pwned; '",
  '"; touch /root/pwned; "',
  "\\'; touch /root/pwned; \\'",
  "\n touch /root/pwned\n",
  "\r\ntouch /root/pwned\r\n",
  "> /root/pwned",
  "< /etc/passwd",
  "{{other}}",
  "{{value}}",
  "${value}",
  "$value",
  "%s%n$(id)",
  "*",
  "~root",
  "-rf",
  "--output=/root/pwned",
  "a b\tc",
  "",
  " ",
  "\\",
  "#",
  "!!",
  "é\u202e日本🚀",
  "../../etc/passwd",
  "$'\\x3b'",
  "(){ :; }; touch /root/pwned",
  "__proto__",
];

test("values reach the program as elements of their own, whatever is in them: as an argument, after a flag, within a word, as a shell's variable", async () => {
  const shared = { capsule: capsule.id, args: [{ name: "value" }, { name: "other", default: "o" }] };
  await using positional = await publish({ ...shared, command: "show fixed" });
  await using flagged = await publish({
    ...shared,
    command: "show",
    args: [
      { name: "value", flag: "--value" },
      { name: "other", flag: "--other=", default: "o" },
    ],
  });
  await using placed = await publish({ ...shared, command: `show pre-{{value}}-post "{{ value }} {{other}}"` });
  await using shell = await publish({ ...shared, command: 'show "$value" "$other" "x-$value"', shell: true });
  const paths: readonly [TestEndpoint, (value: string) => readonly string[]][] = [
    [positional, (value) => ["fixed", value, "o"]],
    [flagged, (value) => ["--value", value, "--other=o"]],
    [placed, (value) => [`pre-${value}-post`, `${value} o`]],
    [shell, (value) => [value, "o", `x-${value}`]],
  ];
  const calls = HOSTILE.flatMap((value) => [
    ...paths.map(async ([endpoint, expected]) => {
      const at = `${endpoint.published.command} with ${JSON.stringify(value)}`;
      assert.deepEqual(await argv(endpoint, { body: { value } }), expected(value), at);
    }),
    argv(positional, { query: { value } }).then((got) => assert.deepEqual(got, ["fixed", value, "o"], `query ${JSON.stringify(value)}`)),
    argv(positional, { body: new URLSearchParams({ value }) }).then((got) =>
      assert.deepEqual(got, ["fixed", value, "o"], `form ${JSON.stringify(value)}`),
    ),
  ]);
  await Promise.all(calls);
  assert.equal((await capsule.sh("test -e /root/pwned && echo broken || echo whole")).stdout, "whole\n");
});

/** All of the corpus in one call: an argument for each value. */
const ALL = Object.fromEntries(HOSTILE.map((value, at) => [`v${at}`, value]));
const NAMES = Object.keys(ALL);
/** What prints its arguments with a NUL after each, in any capsule. */
const PRINTF = "printf '%s\\0'";
const IS_WHOLE = "; test -e /root/pwned && echo broken";

/** The places that a value is put in, each with what it must come to. */
const PLACES: readonly {
  readonly place: string;
  readonly definition: Readonly<Record<string, unknown>>;
  readonly expected: readonly string[];
}[] = [
  { place: "positional", definition: { command: PRINTF, args: NAMES.map((name) => ({ name })) }, expected: HOSTILE },
  {
    place: "after a flag",
    definition: { command: PRINTF, args: NAMES.map((name, at) => ({ name, flag: at % 2 === 0 ? "--flag" : "--flag=" })) },
    expected: HOSTILE.flatMap((value, at) => (at % 2 === 0 ? ["--flag", value] : [`--flag=${value}`])),
  },
  {
    place: "within a word",
    definition: { command: `${PRINTF} ${NAMES.map((name) => `"pre {{${name}}}"-post`).join(" ")}`, args: NAMES.map((name) => ({ name })) },
    expected: HOSTILE.map((value) => `pre ${value}-post`),
  },
  {
    place: "a shell's variable",
    definition: {
      command: `${PRINTF} ${NAMES.map((name) => `"$${name}"`).join(" ")}${IS_WHOLE}`,
      shell: true,
      args: NAMES.map((name) => ({ name })),
    },
    expected: HOSTILE,
  },
];

const BOUNDARY = "a-boundary-that-no-value-has";
/** A form as it is given to the socket: a FormData would make CRLF of every end of a line. */
const MULTIPART = `${Object.entries(ALL)
  .map(([name, value]) => `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`)
  .join("")}--${BOUNDARY}--\r\n`;

/** The ways in which a caller gives arguments. */
const WAYS: Readonly<Record<string, EndpointCall>> = {
  json: { body: ALL },
  query: { query: ALL },
  form: { body: new URLSearchParams(ALL) },
  multipart: { body: new TextEncoder().encode(MULTIPART), headers: { "content-type": `multipart/form-data; boundary=${BOUNDARY}` } },
};

/** What a run has come to: of a call that is waited for, and of one that is not. */
const outputOf = async (endpoint: TestEndpoint, given: EndpointCall): Promise<string> => (await endpoint.json(given)).output ?? "";
const laterOutputOf = async (endpoint: TestEndpoint, given: EndpointCall): Promise<string> =>
  (await runEnded(await endpoint.accepted(given))).output ?? "";

for (const { place, definition, expected } of PLACES) {
  test(`the whole corpus comes ${place} as it was given: by JSON, query, form and multipart, at once, later, to a webhook, in a capsule of the run's own`, async () => {
    const bound = { ...definition, capsule: capsule.id };
    await using atOnce = await publish(bound);
    await using later = await publish({ ...bound, async: true });
    await using hook = await publish({ ...bound, trigger: "webhook", async: false });
    await using laterHook = await publish({ ...bound, trigger: "webhook" });
    await using fresh = await publish(definition);
    const printed = expected.map((value) => `${value}\0`).join("");
    const calls: Promise<void>[] = [];
    const expects = (how: string, output: Promise<string>): void => {
      calls.push(output.then((got) => assert.deepEqual(got.split("\0"), printed.split("\0"), how)));
    };
    for (const [way, given] of Object.entries(WAYS)) {
      expects(way, outputOf(atOnce, given));
      expects(`${way}, later`, laterOutputOf(later, given));
    }
    // What a webhook's sender posts is for standard input: its arguments are in the URL.
    for (const [kind, body] of Object.entries({ json: ALL, form: new URLSearchParams({ v0: "of the body" }) })) {
      expects(`webhook, ${kind}`, outputOf(hook, { query: ALL, body }));
      expects(`webhook, ${kind}, later`, laterOutputOf(laterHook, { query: ALL, body }));
    }
    expects("fresh", outputOf(fresh, WAYS["json"] ?? {}));
    expects("fresh, multipart", outputOf(fresh, WAYS["multipart"] ?? {}));
    await Promise.all(calls);
    assert.equal((await capsule.sh("test -e /root/pwned && echo broken || echo whole")).stdout, "whole\n");
    const runs = await Promise.all([atOnce, later, hook, laterHook, fresh].map((one) => one.runs()));
    for (const { args } of runs.flat()) assert.deepEqual(args, ALL, "and its record has what was given");
  });
}

test("the corpus does break out of a command that pastes its argument into a shell: the control", async () => {
  await using naive = await publish({ command: `sh -c 'eval "echo $0"'`, args: [{ name: "value" }], capsule: capsule.id });
  await naive.json({ body: { value: "; touch /root/pwned" } });
  assert.equal((await capsule.sh("test -e /root/pwned && echo broken; rm -f /root/pwned")).stdout, "broken\n");
});

test("a shell gets a value as a variable of its argument's name, with - as _, and its command's text as it was defined", async () => {
  await using one = await publish({
    command: 'env | grep ^a_b=; echo "$0 $# $a_b" | tr a-z A-Z',
    shell: true,
    args: [{ name: "a-b" }],
    capsule: capsule.id,
  });
  assert.equal((await one.json({ body: { "a-b": "$(id)" } })).output, "a_b=$(id)\nSH 0 $(ID)\n");
});

test("values come in declared order, whatever the order of the body; what is left out is skipped or has its default", async () => {
  await using one = await publish({
    command: "show",
    args: [{ name: "a" }, { name: "b", default: "B" }, { name: "c", flag: "-c" }, { name: "v", type: "boolean", flag: "--verbose" }],
    capsule: capsule.id,
  });
  assert.deepEqual(await argv(one, { body: '{"c":"3","b":"2","a":"1","v":true}', headers: { "content-type": "application/json" } }), [
    "1",
    "2",
    "-c",
    "3",
    "--verbose",
  ]);
  assert.deepEqual(await argv(one), ["B"]);
  assert.deepEqual(await argv(one, { body: { a: null, v: false } }), ["B"]);
  assert.deepEqual(
    await argv(one, { query: { v: "true", a: "-x" } }),
    ["-x", "B", "--verbose"],
    "a value that begins with - is passed as it is",
  );
});

test("arguments come as a flat JSON body, as either form, or in the query; one given twice is refused", async () => {
  await using one = await publish({ command: "show", args: [{ name: "a" }, { name: "b" }], capsule: capsule.id });
  const form = new FormData();
  form.set("a", "1");
  form.set("b", "2");
  for (const given of [
    { body: { a: "1", b: "2" } },
    { body: { a: 1, b: 2 } },
    { body: new URLSearchParams({ a: "1", b: "2" }) },
    { body: form },
    { query: { a: "1", b: "2" } },
    { query: { a: "1" }, body: { b: "2" } },
  ])
    assert.deepEqual(await argv(one, given), ["1", "2"], JSON.stringify(given));
  assert.deepEqual(await argv(one, { body: "a=é%C3%A9%", headers: { "content-type": "application/x-www-form-urlencoded" } }), ["éé%"]);
  await one.refused(400, { query: { a: "1" }, body: { a: "2" } });
  for (const [type, body] of [
    ["application/json", '{"a":"1","a":"2"}'],
    ["application/json", '{"a":12345678901234567890}'],
    ["application/x-www-form-urlencoded", "a=1&a=2"],
    ["application/x-www-form-urlencoded", "a=%ff"],
  ] as const)
    await one.refused(400, { body, headers: { "content-type": type } });
  await one.refused(400, { body: "[1]", headers: { "content-type": "application/json" } });
  await one.refused(400, { body: '{"a":{"b":1}}', headers: { "content-type": "application/json" } });
  await one.refused(400, { body: '{"a":', headers: { "content-type": "application/json" } });
  assert.equal((await one.refused(415, { body: "<a/>", headers: { "content-type": "text/xml" } })).code, "unsupported_media_type");
  assert.equal((await one.call({ body: `{"a":"${"x".repeat(5 << 20)}"}`, headers: { "content-type": "application/json" } })).status, 413);
});

test("types, enums, patterns, lengths and required are held, and all problems of a call are named together", async () => {
  await using one = await publish({
    command: "show",
    args: [
      { name: "count", type: "integer", required: true },
      { name: "ratio", type: "number" },
      { name: "force", type: "boolean" },
      { name: "env", enum: ["dev", "prod"] },
      { name: "branch", pattern: "[a-z]+", max_length: 5 },
    ],
    capsule: capsule.id,
  });
  assert.deepEqual(await argv(one, { body: { count: "5", ratio: "0.5", force: "true", env: "prod", branch: "main" } }), [
    "5",
    "0.5",
    "true",
    "prod",
    "main",
  ]);
  for (const [field, given] of [
    ["count", {}],
    ["count", { count: "5x" }],
    ["count", { count: 1.5 }],
    ["count", { count: "" }],
    ["ratio", { count: 1, ratio: "NaN" }],
    ["force", { count: 1, force: "maybe" }],
    ["env", { count: 1, env: "PROD" }],
    ["branch", { count: 1, branch: "main; id" }],
    ["branch", { count: 1, branch: "main\n" }],
    ["branch", { count: 1, branch: "toolong" }],
    ["cuont", { count: 1, cuont: 2 }],
    ["branch", { count: 1, branch: "a\u0000b" }],
  ] as const) {
    const { message, details } = await one.refused(400, { body: given });
    assert.equal(property(details, "field"), field, `${JSON.stringify(given)}: ${message}`);
  }
  const { details } = await one.refused(400, { body: { ratio: "x", env: "y", other: 1 } });
  const problems: unknown = property(details, "problems");
  assert.ok(Array.isArray(problems));
  assert.deepEqual(new Set(problems.map((one) => property(one, "field"))), new Set(["count", "env", "other", "ratio"]));
  assert.deepEqual(await one.runs({ status: "error" }), [], "a call that is refused is no run");
});

test("a pattern that would take for ever in other engines is answered at once", { timeout: 300_000 }, async () => {
  await using one = await publish({ command: "show", args: [{ name: "x", pattern: "(a+)+b" }], capsule: capsule.id });
  const began = performance.now();
  await one.refused(400, { body: { x: "a".repeat(30_000) } });
  assert.ok(performance.now() - began < 15_000);
});

test("an argument's size is bounded, and what the kernel would not take is refused before it runs", async () => {
  await using one = await publish({ command: "show", args: [{ name: "a" }], capsule: capsule.id });
  const long = "x".repeat(32 * 1024);
  assert.deepEqual(await argv(one, { body: { a: long } }), [long]);
  assert.equal(property((await one.refused(400, { body: { a: `${long}x` } })).details, "field"), "a");
});

test("the record of a run has its arguments, unless the endpoint is sensitive", async () => {
  await using plain = await publish({ command: "show", args: [{ name: "a" }, { name: "n", type: "integer" }], capsule: capsule.id });
  const { run_id: id } = await plain.json({ body: { a: "x", n: "5" } });
  assert.deepEqual((await getRun(id)).args, { a: "x", n: 5 });
  await using secret = await publish({ command: "show", args: [{ name: "a" }], sensitive: true, capsule: capsule.id });
  const { run_id: hidden } = await secret.json({ body: { a: "x" } });
  assert.equal((await getRun(hidden)).args, null);
});

test("a caller's headers and query never become the command's environment", async () => {
  await using one = await publish({ command: "env", capsule: capsule.id, envs: { GIVEN: "yes" } });
  const { output = "" } = await one.json({ headers: { "http-proxy": "http://evil.example", "x-custom": "abc-custom" } });
  assert.ok(output.includes("GIVEN=yes\n"));
  assert.ok(!/evil|abc-custom|http_proxy/i.test(output), output);
});

import assert from "node:assert/strict";
import { before, test } from "node:test";
import { expectCall, expectError, property } from "../harness/call.ts";
import { endpointOf } from "../harness/endpoint.ts";
import type { TestTeam } from "../harness/team.ts";
import { newTeam } from "../harness/team.ts";

let team: TestTeam;
before(async () => {
  team = await newTeam();
});

const YAML = { "content-type": "application/yaml" };

function importing(body: string, query: Readonly<Record<string, string>> = {}) {
  return expectCall("importEndpoints", 200, { key: team.key, headers: YAML, body, query });
}

/** Every field that the documented file has. */
const DOCUMENTED = `version: 1
agent_name: default
endpoints:
  - name: hello
    command: echo
    args:
      - name: name
        default: world
        description: Who to greet
  - name: deploy
    method: POST
    description: Deploy the app
    command: ./deploy.sh --env production
    args:
      - name: branch
        required: true
    timeout: 60
    working_dir: /workspace
    public: false
    transformer:
      type: json
    notify_url: https://example.com/done
    notify_on: failure
    sensitive: true
  - name: hook
    command: cat
    trigger: webhook
    async: false
    secret: $KEY
    envs: {KEY: 0123456789abcdef}
    webhook_source: github
    webhook_events: [push]
  - name: nightly
    command: backup
    schedule: "0 3 * * *"
`;

test("a file with every documented field is published by one call, and what it publishes can be called", async () => {
  const { applied, changes, warnings } = await importing(DOCUMENTED);
  assert.equal(applied, true);
  assert.deepEqual(
    changes.map(({ name, change }) => `${change} ${name}`),
    ["create hello", "create deploy", "create hook", "create nightly"],
  );
  assert.deepEqual(
    warnings.map(({ line, path }) => [line, path]),
    [
      [2, "agent_name"],
      [25, "endpoints[2].public"],
    ],
    "what says nothing here, and a webhook that its sender cannot reach, are named",
  );
  const hello = endpointOf(await expectCall("getEndpoint", 200, { key: team.key, params: { name: "hello" } }), team.key);
  assert.equal((await hello.json()).output, "world\n");
  const deploy = await expectCall("getEndpoint", 200, { key: team.key, params: { name: "deploy" } });
  assert.equal(deploy.args[0]?.required, true);
  assert.deepEqual(deploy.transformer, { type: "json" });
  assert.equal(deploy.notify_on, "failure");
  const nightly = await expectCall("getEndpoint", 200, { key: team.key, params: { name: "nightly" } });
  assert.match(nightly.next_run_at ?? "", /T03:00:00/);
});

test("an import says what would change, changes nothing in a dry run, and deletes only when asked to prune", async () => {
  await importing("version: 1\nendpoints:\n  - {name: one, command: echo 1}\n  - {name: two, command: echo 2}\n", { prune: "true" });
  const next = "version: 1\nendpoints:\n  - {name: one, command: echo one, timeout: 5}\n  - {name: three, command: echo 3}\n";
  const plan = [
    { name: "one", change: "update", fields: ["command", "timeout"] },
    { name: "three", change: "create", fields: [] },
    { name: "two", change: "delete", fields: [] },
  ];
  const byName = (changes: readonly { readonly name: string }[]) => changes.toSorted((a, b) => a.name.localeCompare(b.name));
  const dry = await importing(next, { dry_run: "true", prune: "true" });
  assert.equal(dry.applied, false);
  assert.deepEqual(byName(dry.changes), plan);
  const names = async (): Promise<readonly string[]> =>
    (await expectCall("listEndpoints", 200, { key: team.key })).items.map(({ name, command }) => `${name}: ${command}`);
  assert.deepEqual(await names(), ["one: echo 1", "two: echo 2"]);
  await importing(next);
  assert.deepEqual(await names(), ["one: echo one", "three: echo 3", "two: echo 2"]);
  const again = await importing(next, { prune: "true" });
  assert.deepEqual(byName(again.changes), [
    { name: "one", change: "unchanged", fields: [] },
    { name: "three", change: "unchanged", fields: [] },
    { name: "two", change: "delete", fields: [] },
  ]);
  assert.deepEqual(await names(), ["one: echo one", "three: echo 3"]);
});

test("all problems of a file are told together, each with its line and column, and nothing of it is done", async () => {
  const file = `version: 1
endpoints:
  - name: fine
    command: echo ok
  - name: Bad
    comand: echo
    timeout: soon
  - name: pipes
    command: echo a | b
    args: [{name: x, type: integer, default: five}]
  - name: fine
    command: "true"
    approval_required: true
`;
  const { details } = await expectError("importEndpoints", "invalid_request", { key: team.key, headers: YAML, body: file });
  const problems: unknown = property(details, "problems");
  assert.ok(Array.isArray(problems));
  const told = problems.map(
    (one) => [Number(property(one, "line")), Number(property(one, "column")), String(property(one, "path"))] as const,
  );
  const lines = told.map(([line]) => line);
  assert.deepEqual(
    lines,
    lines.toSorted((a, b) => a - b),
    "in the file's order",
  );
  for (const [line, column, path] of [
    [5, 11, "endpoints[1].name"],
    [6, 5, "endpoints[1].comand"],
    [7, 14, "endpoints[1].timeout"],
    [9, 14, "endpoints[2].command"],
    [10, 46, "endpoints[2].args[0].default"],
    [11, 11, "endpoints[3].name"],
    [13, 5, "endpoints[3].approval_required"],
  ] as const)
    assert.ok(
      told.some((one) => one[0] === line && one[1] === column && one[2] === path),
      `${line}:${column} ${path} of ${JSON.stringify(problems, null, 1)}`,
    );
  assert.match(
    String(
      property(
        problems.find((one) => property(one, "line") === 6),
        "message",
      ),
    ),
    /command/,
    "a suggestion for a slip",
  );
  await expectError("getEndpoint", "not_found", { key: team.key, params: { name: "fine" } });
});

test("a value that is no YAML is told in words, with the line and the mend, beside what else is wrong", async () => {
  const file = "version: 1\nendpoints:\n  - name: a\n    command: echo note: done\n  - name: b\n    comand: x\n";
  const { details } = await expectError("importEndpoints", "invalid_request", { key: team.key, headers: YAML, body: file });
  const problems: unknown = property(details, "problems");
  assert.ok(Array.isArray(problems));
  const told = problems.map((one) => `${String(property(one, "line"))} ${String(property(one, "message"))}`);
  assert.deepEqual(told, [
    "4 `: ` within a value begins a field of its own; put the whole value into quotes: 'echo note: done'",
    "5 is required",
    "6 is not a known field; did you mean command?",
  ]);
});

test("a hostile or broken file is a 400 that says where, and takes little time", { timeout: 300_000 }, async () => {
  const laughs = `a: &a [x,x,x,x,x,x,x,x,x]\n${Array.from({ length: 9 }, (_, at) => `${"bcdefghij"[at]}: &${"bcdefghij"[at]} [${Array.from({ length: 9 }, () => `*${"abcdefghi"[at]}`).join(",")}]\n`).join("")}`;
  for (const body of [
    "version: 1\nendpoints: [",
    laughs,
    "- 1\n- 2\n",
    "version: 2\nendpoints: []\n",
    "\u0000",
    `${"[".repeat(5000)}`,
    "version: 1\nendpoints: []\n",
  ]) {
    const { details } = await expectError("importEndpoints", "invalid_request", { key: team.key, headers: YAML, body });
    const problems: unknown = property(details, "problems");
    assert.ok(
      Array.isArray(problems) ? problems.every((one) => Number(property(one, "line")) >= 1) : property(details, "field") !== undefined,
      body.slice(0, 30),
    );
  }
});

test("JSON is taken as the YAML that it is, and a file by curl's own content type", async () => {
  const file = JSON.stringify({ version: 1, endpoints: [{ name: "of-json", command: "echo json" }] });
  for (const type of ["application/json", "application/x-www-form-urlencoded", "text/yaml", "text/plain"]) {
    const { applied } = await expectCall("importEndpoints", 200, { key: team.key, headers: { "content-type": type }, body: file });
    assert.equal(applied, true, type);
  }
  await expectCall("deleteEndpoint", 204, { key: team.key, params: { name: "of-json" } });
});

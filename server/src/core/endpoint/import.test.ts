import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { stringify } from "yaml";
import { CapsuledError } from "../fail.ts";
import type { FileProblem } from "./service.ts";
import { definitionOf } from "./testing/definition.ts";
import { createAccessStore } from "../../store/access-store.ts";
import { createEndpointStore } from "../../store/endpoint-store.ts";
import { openDatabase } from "../../store/open.ts";
import { keyRecord, teamRecord } from "../../store/testing/records.ts";
import { endpointWorld, principal, serviceOn } from "./testing/world.ts";

const RUN = { dryRun: false, prune: false };

async function problemsOf(text: string): Promise<readonly string[]> {
  const { service, store } = endpointWorld();
  let found: readonly string[] = [];
  await assert.rejects(service.import(principal, text, RUN), (error) => {
    assert.ok(error instanceof CapsuledError && error.code === "invalid_request");
    const problems = error.details?.["problems"];
    assert.ok(Array.isArray(problems));
    found = problems.map(({ line, column, path, message }: FileProblem) => `${line}:${column} ${path}: ${message}`);
    return true;
  });
  assert.equal(store.rows.size, 0);
  return found;
}

test("a file with every documented field is taken as it stands", async () => {
  const { service } = endpointWorld();
  const text = `
version: 1
agent_name: default
endpoints:
  - name: deploy
    method: POST
    description: Deploy the app
    command: ./deploy.sh --env production
    args:
      - name: branch
        required: true
        description: What to deploy
      - name: count
        default: "5"
    timeout: 60
    working_dir: /workspace
    public: false
    trigger: http
    transformer:
      type: json
    notify_url: https://example.com/done
    notify_on: failure
    sensitive: true
    agent_name: default
    approval_required: false
  - slug: hook
    command: cat
    trigger: webhook
    async: false
    secret: $KEY
    envs: {KEY: 0123456789abcdef}
    webhook_source: github
    webhook_events: [push]
    transformer: {type: text}
  - name: nightly
    command: backup
    schedule: "0 3 * * *"
`;
  const outcome = await service.import(principal, text, RUN);
  assert.deepEqual(outcome.changes, [
    { name: "deploy", change: "create", fields: [] },
    { name: "hook", change: "create", fields: [] },
    { name: "nightly", change: "create", fields: [] },
  ]);
  assert.deepEqual(
    outcome.warnings.map(({ line, path }) => [line, path]),
    [
      [3, "agent_name"],
      [24, "endpoints[0].agent_name"],
      [26, "endpoints[1].slug"],
      [26, "endpoints[1].public"],
    ],
  );
  const hook = await service.get(principal, "hook");
  assert.equal(hook.definition.transformer, undefined);
  assert.deepEqual(service.secretsOf(hook).secrets, ["0123456789abcdef"]);
});

test("all problems of a file come together, each where it stands", async () => {
  const text = `version: 1
endpoint: []
endpoints:
  - name: one
    comand: echo
    timeout: soon
  - name: Two
    command: echo a | b
    public: yes
    args:
      - name: x
        typ: integer
  - name: three
    command: echo {{x}}
    approval_required: true
    artifacts: ["*.csv"]
    args: [{name: x, type: integer, default: five}]
    method: GETT
    transformer: {type: xml}
  - name: one
    command: "true"
    timeout: 500
    nottify_url: x
  - just text
`;
  assert.deepEqual(await problemsOf(text), [
    "2:1 endpoint: is not a known field; did you mean endpoints?",
    "4:5 endpoints[0].command: is required",
    "5:5 endpoints[0].comand: is not a known field; did you mean command?",
    "6:14 endpoints[0].timeout: must be a number",
    "7:11 endpoints[1].name: must be 1 to 63 of lowercase letters, digits and `-`, a letter or digit first",
    "8:14 endpoints[1].command: `|` at character 8 needs shell: true (or quotes, to mean the character)",
    "9:13 endpoints[1].public: must be true or false",
    "12:9 endpoints[1].args[0].typ: is not a known field; did you mean type?",
    "15:5 endpoints[2].approval_required: is not supported; leave it out",
    "16:5 endpoints[2].artifacts: is not supported; leave it out",
    "17:46 endpoints[2].args[0].default: must be a whole number",
    "18:13 endpoints[2].method: must be one of GET, POST, PUT, PATCH, DELETE",
    "19:25 endpoints[2].transformer.type: is not one of the types that there are",
    '20:11 endpoints[3].name: "one" is the name of the endpoint in line 4 too',
    "22:14 endpoints[3].timeout: is more than the server's bound of 120 s",
    "23:5 endpoints[3].nottify_url: is not a known field; did you mean notify_url?",
    "24:5 endpoints[4]: must be an endpoint with its fields",
  ]);
});

test("what comes of a problem alone is not told as another", async () => {
  const text = "version: 1\nendpoints:\n  - {name: a, command: x, trigger: webhook, secret: $KEY, envs: {KEY: 12345678}}\n";
  assert.deepEqual(await problemsOf(text), ["3:71 endpoints[0].envs.KEY: must be text"]);
});

test("whatever is wrong in whichever way is told at once: fields, rules between them, the command, the server's bounds", async () => {
  const text = `version: 1
endpoints:
  - name: a
    comand: x
    command: echo a; b
    secret: short
    timeout: 500
  - name: b
    timeout: 500
    vcpus: many
    template: none
  - name: c
    command: echo {{x}} {{y}} | cat
    args: [{name: x, max: 5}, {name: z, type: integer, default: no}]
    capsule: cl-1
    template: minimal
  - name: d
    command: x
    trigger: wehbook
    secret: 123
    webhook_events: [push]
`;
  assert.deepEqual(await problemsOf(text), [
    "4:5 endpoints[0].comand: is not a known field; did you mean command?",
    "5:14 endpoints[0].command: `;` at character 7 needs shell: true (or quotes, to mean the character)",
    "6:13 endpoints[0].secret: is for `trigger: webhook`",
    "7:14 endpoints[0].timeout: is more than the server's bound of 120 s",
    "8:5 endpoints[1].command: is required",
    "9:14 endpoints[1].timeout: is more than the server's bound of 120 s",
    "10:12 endpoints[1].vcpus: must be a number",
    '11:15 endpoints[1].template: there is no template "none"',
    "13:14 endpoints[2].command: `|` at character 18 needs shell: true (or quotes, to mean the character)",
    "14:22 endpoints[2].args[0].max: is not a known field",
    "14:65 endpoints[2].args[1].default: must be a whole number",
    "15:14 endpoints[2].capsule: give either `template` or `capsule`",
    "19:14 endpoints[3].trigger: must be one of http, webhook",
    "20:13 endpoints[3].secret: must be text or a list",
  ]);
});

test("a value that is no YAML is told in words with its mend, together with what is wrong elsewhere", async () => {
  const text = `version: 1
endpoints:
  - name: a
    command: echo note: fine
  - name: b
    command: @daily
  - name: c
    command: "echo" hi
  - name: d
    command: > out.txt
  - name: e
    comand: x
    timeout: 500
`;
  assert.deepEqual(await problemsOf(text), [
    "4:14 : `: ` within a value begins a field of its own; put the whole value into quotes: 'echo note: fine'",
    "6:14 : a value cannot begin with `@`; put it into quotes: '@daily'",
    "8:21 : the value has ended with its closing quote; put quotes around the whole value",
    "10:16 : `|` and `>` begin a text on the lines below, and take nothing behind them; put a command that begins so into quotes",
    "11:5 endpoints[4].command: is required",
    "12:5 endpoints[4].comand: is not a known field; did you mean command?",
    "13:14 endpoints[4].timeout: is more than the server's bound of 120 s",
  ]);
  const mended = text.replace("echo note: fine", "'echo note: fine'").replace("@daily", "'@daily'");
  assert.deepEqual(
    (await problemsOf(mended)).map((line) => line.split(" ")[0]),
    ["8:21", "10:16", "11:5", "12:5", "13:14"],
  );
});

test("a file whose lines cannot be told apart says what to do first, and that the rest comes then", async () => {
  const rest = " (the rest is looked at once this is right)";
  const item = "version: 1\nendpoints:\n  - name: a\n";
  for (const [text, expected] of [
    [`${item}\tcommand: x\n`, `4:1 : the line is indented with a tab; use spaces${rest}`],
    [
      `${item}   command: x\n`,
      `4:1 : the line is indented as an entry of a list, and has no \`- \`; indent it as the fields before it${rest}`,
    ],
    [`${item}  command: x\n`, `4:1 : the line is not indented as the fields that it belongs to${rest}`],
    [`${item}    command: "x\n`, `5:1 : a quote before it is never closed${rest}`],
    [`${item}    command\n    timeout: 5\n`, `4:5 : a field's name needs \`: \` behind it, on its line${rest}`],
    ["version: 1\nendpoints:\n  - name:a\n    command: x\n", `3:5 : a field's name and \`:\` need a blank before the value${rest}`],
    ["version: 1\nendpoints: [", `2:13 : a \`[\` or \`{\` before it is never closed${rest}`],
    ["version: 1\n---\nversion: 1\n", `2:1 : a second document begins here; a file has one${rest}`],
  ] as const)
    assert.deepEqual(await problemsOf(text), [expected]);
});

test("a file that is no file of definitions says so", async () => {
  assert.deepEqual(await problemsOf(""), ["1:1 : a file of definitions has `version: 1` and `endpoints`"]);
  assert.deepEqual(await problemsOf("version: 2\nendpoints: []\n"), [
    "1:10 version: must be 1",
    "2:12 endpoints: must be a list of at least one endpoint",
  ]);
  assert.match((await problemsOf("a: [\n"))[0] ?? "", /^2:1|^1:/);
  const many = `version: 1\nendpoints:\n${"  - {name: x, command: x}\n".repeat(1001)}`;
  assert.deepEqual(await problemsOf(many), ["3:3 endpoints: has 1001 endpoints, at most 1000"]);
});

test("JSON is a file too, and a missing version is a warning", async () => {
  const { service } = endpointWorld();
  const { warnings, applied } = await service.import(principal, '{"endpoints":[{"name":"a","command":"echo"}]}', RUN);
  assert.equal(applied, true);
  assert.deepEqual(warnings, [{ line: 1, column: 1, path: "version", message: "is missing and taken to be 1" }]);
});

test("a second import says what would change and what changes, field by field", async () => {
  const { service, store } = endpointWorld();
  const file = (timeout: number, key: string, rest: string): string =>
    `version: 1
endpoints:
  - name: a
    command: echo
    timeout: ${timeout}
    envs: {KEY: ${key}}
  - name: b
    command: echo b
${rest}`;
  await service.import(principal, file(5, "x", "  - {name: c, command: c}\n"), RUN);
  await service.put(principal, "d", definitionOf({ command: "d" }));
  const before = JSON.stringify([...store.rows]);
  const next = file(6, "secret-y", "  - {name: e, command: e}\n");
  const expected = [
    { name: "a", change: "update", fields: ["envs", "timeout"] },
    { name: "b", change: "unchanged", fields: [] },
    { name: "e", change: "create", fields: [] },
  ];
  const dry = await service.import(principal, next, { dryRun: true, prune: true });
  const pruned = [...expected, { name: "c", change: "delete", fields: [] }, { name: "d", change: "delete", fields: [] }];
  assert.deepEqual([dry.applied, dry.changes], [false, pruned]);
  assert.equal(JSON.stringify([...store.rows]), before);
  assert.deepEqual((await service.import(principal, next, RUN)).changes, expected);
  assert.deepEqual(
    (await service.list(principal, 10, null)).items.map(({ name }) => name),
    ["a", "b", "c", "d", "e"],
  );
  assert.deepEqual(
    (await service.import(principal, next, { dryRun: false, prune: true })).changes.map(({ change }) => change),
    ["unchanged", "unchanged", "unchanged", "delete", "delete"],
  );
  assert.deepEqual(
    (await service.list(principal, 10, null)).items.map(({ name }) => name),
    ["a", "b", "e"],
  );
});

test("an import says which secrets go with it, which capsules are not there, and which webhooks nobody can send", async () => {
  const { service } = endpointWorld();
  const hook = "  - {name: hook, command: cat, trigger: webhook, public: true, secret: 0123456789, envs: {A: b, C: d}}\n".replace(
    "0123456789",
    '"0123456789"',
  );
  await service.import(principal, `version: 1\nendpoints:\n${hook}`, RUN);
  const text = `version: 1
endpoints:
  - {name: hook, command: cat, trigger: webhook, envs: {C: d}}
  - name: bound
    command: x
    capsule: cl-${"0".repeat(25)}
  - {name: other, command: cat, trigger: webhook, secret: "0123456789"}
`;
  for (const dryRun of [true, false])
    assert.deepEqual(
      (await service.import(principal, text, { dryRun, prune: false })).warnings.map(
        ({ line, path, message }) => `${line} ${path}: ${message.slice(0, 30)}`,
      ),
      [
        "3 endpoints[0].secret: is gone: it was not sent again",
        "3 endpoints[0].envs: are without A, not sent again",
        "6 endpoints[1].capsule: does not exist, or not any mor",
        "7 endpoints[2].public: is false: a call needs an API ",
      ],
    );
});

test("anchors and merge keys share what endpoints have in common", async () => {
  const { service } = endpointWorld();
  const text = `version: 1
endpoints:
  - &base
    name: a
    command: echo a
    timeout: 7
  - <<: *base
    name: b
`;
  await service.import(principal, text, RUN);
  assert.equal((await service.get(principal, "b")).definition.timeout, 7);
});

test("an import that another change overtakes is planned anew", async () => {
  const { service, store } = endpointWorld();
  const { record } = await service.put(principal, "a", definitionOf({ command: "echo" }));
  store.meanwhile = () => store.rows.set(record.id, { ...record, version: 5 });
  const text = "version: 1\nendpoints: [{name: a, command: echo 2}]\n";
  assert.deepEqual((await service.import(principal, text, RUN)).changes, [{ name: "a", change: "update", fields: ["command"] }]);
  assert.equal((await service.get(principal, "a")).version, 6);
});

test("what the database gives back is what was imported: a second import changes nothing", async () => {
  const database = await openDatabase({ kind: "sqlite", path: ":memory:" }, 1000);
  try {
    const team = teamRecord();
    await createAccessStore(database).insertTeam(team, keyRecord({ teamId: team.id }));
    const { service } = serviceOn(createEndpointStore(database));
    const owner = { ...principal, teamId: team.id };
    const text = `version: 1
endpoints:
  - {name: a, command: echo, args: [{name: x, default: 5, enum: [5, 6]}], transformer: {type: regex, pattern: a}, envs: {A: b}}
  - {name: b, command: echo, trigger: webhook, secret: [$KEY, another one], envs: {KEY: "0123456789"}, method: [POST], schedule: "@daily"}
`;
    const kinds = async () => (await service.import(owner, text, RUN)).changes.map(({ change }) => change);
    assert.deepEqual(await kinds(), ["create", "create"]);
    assert.deepEqual(await kinds(), ["unchanged", "unchanged"]);
    assert.equal((await service.findPublished(team.slug, "b"))?.endpoint.version, 1);
  } finally {
    await database.close();
  }
});

test("property: whatever stands in a file, in YAML or JSON, it is applied or refused with places within it", async () => {
  const field = fc.constantFrom(
    "name",
    "slug",
    "command",
    "args",
    "method",
    "secret",
    "transformer",
    "envs",
    "artifacts",
    "x",
    "__proto__",
    "<<",
  );
  const value = fc.oneof(fc.constantFrom("a", "echo hi", "json", "webhook"), fc.jsonValue({ maxDepth: 3 }));
  const file = fc.record(
    { version: fc.constantFrom(1, 2, "1"), endpoints: fc.array(fc.dictionary(field, value), { maxLength: 3 }) },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(fc.oneof(file, fc.jsonValue()), fc.boolean(), async (given, isYaml) => {
      const text = isYaml ? stringify(given) : JSON.stringify(given);
      const lines = text.split("\n").length;
      try {
        await endpointWorld().service.import(principal, text, RUN);
      } catch (error) {
        assert.ok(error instanceof CapsuledError && error.code === "invalid_request", String(error));
        const problems = error.details?.["problems"];
        assert.ok(Array.isArray(problems) && problems.length > 0);
        for (const { line, column } of problems) assert.ok(line >= 1 && line <= lines && column >= 1);
      }
    }),
  );
});

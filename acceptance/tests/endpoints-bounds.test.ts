import assert from "node:assert/strict";
import { test } from "node:test";
import { LIMITS } from "@capsuled/contract";
import { call, expectCall, expectError, property } from "../harness/call.ts";
import { getRun, publish, runEnded, someName } from "../harness/endpoint.ts";
import { newTeam } from "../harness/team.ts";

const args = (count: number): readonly object[] => Array.from({ length: count }, (_, at) => ({ name: `a${at}` }));

/** Definitions by their size in one respect, with the bound of it. */
const BOUNDS: readonly {
  readonly field: string;
  readonly max: number;
  readonly definition: (size: number) => Readonly<Record<string, unknown>>;
}[] = [
  { field: "args", max: LIMITS.endpointArgsMax, definition: (size) => ({ command: "true", args: args(size) }) },
  {
    field: "args.0.default",
    max: LIMITS.endpointArgCharsMax,
    definition: (size) => ({ command: "true", args: [{ name: "a", default: "x".repeat(size) }] }),
  },
  {
    field: "args.0.enum",
    max: LIMITS.endpointEnumMax,
    definition: (size) => ({ command: "true", args: [{ name: "a", enum: Array.from({ length: size }, (_, at) => `${at}`) }] }),
  },
  {
    field: "args.0.pattern",
    max: LIMITS.endpointPatternCharsMax,
    definition: (size) => ({ command: "true", args: [{ name: "a", pattern: "x".repeat(size) }] }),
  },
  {
    field: "transformer",
    max: LIMITS.endpointPatternCharsMax,
    definition: (size) => ({ command: "true", transformer: { type: "regex", pattern: "x".repeat(size) } }),
  },
  {
    field: "transformer",
    max: LIMITS.endpointExpressionCharsMax,
    definition: (size) => ({ command: "true", transformer: { type: "jsonata", expression: `"${"x".repeat(size - 2)}"` } }),
  },
  {
    field: "description",
    max: LIMITS.endpointDescriptionCharsMax,
    definition: (size) => ({ command: "true", description: "x".repeat(size) }),
  },
  { field: "command", max: LIMITS.pathCharsMax, definition: (size) => ({ command: `true ${"x".repeat(size - 5)}` }) },
  {
    field: "secret",
    max: LIMITS.endpointSecretCharsMax,
    definition: (size) => ({ command: "cat", trigger: "webhook", secret: "x".repeat(size) }),
  },
  {
    field: "secret",
    max: LIMITS.endpointSecretsMax,
    definition: (size) => ({ command: "cat", trigger: "webhook", secret: Array.from({ length: size }, (_, at) => `secret-number-${at}`) }),
  },
  { field: "max_concurrency", max: LIMITS.endpointConcurrencyMax, definition: (size) => ({ command: "true", max_concurrency: size }) },
];

for (const { field, max, definition } of BOUNDS) {
  test(`a definition with ${max} of ${field} is taken, and one with more is a 400 that names it`, async () => {
    const name = someName();
    await expectCall("putEndpoint", 201, { params: { name }, body: definition(max) });
    const { details } = await expectError("putEndpoint", "invalid_request", { params: { name }, body: definition(max + 1) });
    assert.ok(String(property(details, "field")).startsWith(field), JSON.stringify(details));
    await expectCall("deleteEndpoint", 204, { params: { name } });
  });
}

test("a file has at most as many endpoints and bytes as it may, and one with more is refused whole", { timeout: 300_000 }, async () => {
  const { key } = await newTeam();
  const file = (count: number): string =>
    `version: 1\nendpoints:\n${Array.from({ length: count }, (_, at) => `  - {name: e${at}, command: "true"}\n`).join("")}`;
  const headers = { "content-type": "application/yaml" };
  const { applied, changes } = await expectCall("importEndpoints", 200, {
    key,
    headers,
    query: { dry_run: "true" },
    body: file(LIMITS.importEndpointsMax),
  });
  assert.deepEqual([applied, changes.length], [false, LIMITS.importEndpointsMax]);
  await expectError("importEndpoints", "invalid_request", { key, headers, body: file(LIMITS.importEndpointsMax + 1) });
  const large = await call("importEndpoints", { key, headers, body: `${file(1)}#${"x".repeat(LIMITS.importBytesMax)}` });
  assert.ok(large.status === 400 || large.status === 413, `${large.status}`);
  assert.deepEqual((await expectCall("listEndpoints", 200, { key })).items, []);
});

test("of a file with many problems the first 200 are told", async () => {
  const file = `version: 1\nendpoints:\n${Array.from({ length: 300 }, (_, at) => `  - {name: e${at}, comand: "true", command: x}\n`).join("")}`;
  const { details } = await expectError("importEndpoints", "invalid_request", {
    headers: { "content-type": "application/yaml" },
    body: file,
  });
  const problems = property(details, "problems");
  assert.ok(Array.isArray(problems));
  assert.deepEqual([problems.length, property(problems.at(-1), "line")], [200, 202]);
});

test("a delivery's id that is longer than is kept names one run all the same", async () => {
  await using hook = await publish({ command: "true", trigger: "webhook", webhook_source: "github" });
  const send = (id: string): Promise<string> => hook.accepted({ body: "{}", headers: { "x-github-delivery": id } });
  const first = await send(`${"x".repeat(400)}1`);
  assert.equal(await send(`${"x".repeat(400)}1`), first);
  assert.notEqual(await send(`${"x".repeat(400)}2`), first);
  assert.match((await runEnded(first)).delivery_id ?? "", /^[0-9a-f]{64}$/);
});

test(
  "standard output beyond what a transformer takes is a failure that says so, and the run has the output",
  { timeout: 300_000 },
  async () => {
    await using one = await publish({ command: `sh -c 'yes line | head -c 17000000'`, transformer: { type: "lines" } });
    const { code, details } = await one.refused(502);
    assert.equal(code, "transform_failed");
    const run = await getRun(String(property(details, "run_id")));
    assert.deepEqual([run.status, run.stdout_bytes], ["succeeded", 17_000_000]);
  },
);

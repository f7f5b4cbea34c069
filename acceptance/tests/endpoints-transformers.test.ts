import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { getRun, publish, streamOf } from "../harness/endpoint.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const STATS = `echo '{"cpu":45,"mem":72,"disks":[{"name":"a","used":10},{"name":"b","used":20}]}'`;
const LOG = `printf 'user=ann id=7\\nuser=bob id=8\\nnothing\\n'`;

for (const [name, command, transformer, data] of [
  [
    "json",
    STATS,
    { type: "json" },
    {
      cpu: 45,
      mem: 72,
      disks: [
        { name: "a", used: 10 },
        { name: "b", used: 20 },
      ],
    },
  ],
  ["lines", "printf 'one\\n\\ntwo\\r\\nlast'", { type: "lines" }, ["one", "", "two", "last"]],
  [
    "regex, named groups of the first match",
    LOG,
    { type: "regex", pattern: "user=(?<user>\\w+) id=(?<id>\\d+)" },
    { user: "ann", id: "7" },
  ],
  ["regex, all matches", LOG, { type: "regex", pattern: "USER=(?<user>\\w+)", flags: "i", all: true }, [{ user: "ann" }, { user: "bob" }]],
  ["jsonata", STATS, { type: "jsonata", expression: "$sum(disks.used) + cpu" }, 75],
] as const) {
  test(`transformer ${name}: data in JSON, transformed_output once in events, no lines`, async () => {
    await using one = await publish({ command, transformer, capsule: capsule.id });
    const body = await one.json();
    assert.deepEqual(body.data, data);
    assert.equal(body.output, undefined);
    assert.equal(body.exit_code, 0);
    await using stream = await one.stream();
    await stream.over();
    assert.deepEqual(
      stream.events.map(({ type }) => type),
      ["transformed_output", "done"],
    );
    assert.deepEqual(stream.events[0], { type: "transformed_output", data });
    assert.equal(stream.done().exit_code, 0);
    const [first] = stream.seen;
    await using rest = await one.stream({ headers: { "last-event-id": first?.id ?? "" } });
    await rest.over();
    assert.deepEqual(
      rest.events.map(({ type }) => type),
      ["done"],
      "it is not told twice to one who resumes",
    );
    const run = await getRun(stream.runId);
    assert.ok((run.output ?? "").length > 0, "the raw output stays in the run");
  });
}

test("only standard output is transformed", async () => {
  await using one = await publish({
    command: `sh -c 'echo noise >&2; echo "{}"; echo more >&2'`,
    transformer: { type: "json" },
    capsule: capsule.id,
  });
  assert.deepEqual((await one.json()).data, {});
});

test("a transformer that fails is an error event that says why, 502 transform_failed for JSON, and the raw output stays in the run", async () => {
  for (const [command, transformer, why] of [
    ["echo no json", { type: "json" }, /JSON/i],
    ["echo nothing", { type: "regex", pattern: "user=(\\w+)" }, /match/i],
    [STATS, { type: "jsonata", expression: "$number('x')" }, /./],
  ] as const) {
    await using one = await publish({ command, transformer, capsule: capsule.id });
    await using stream = await one.stream();
    await stream.over();
    assert.match(stream.error().error, why, transformer.type);
    const { code, details } = await one.refused(502);
    assert.equal(code, "transform_failed");
    const run = await getRun(String(property(details, "run_id")));
    assert.equal(run.status, "succeeded", "the command itself did well");
    assert.ok((run.output ?? "") !== "");
    await using raw = await streamOf(`/v1/runs/${run.id}/stream`);
    await raw.over();
    assert.equal(raw.events.at(-1)?.type, "error");
  }
});

test("a command that fails is not transformed: its raw lines and its exit code come instead", async () => {
  await using one = await publish({
    command: `sh -c 'echo "{}"; echo broken >&2; exit 9'`,
    transformer: { type: "json" },
    capsule: capsule.id,
  });
  const { output, data, exit_code } = await one.json();
  assert.equal(data, undefined);
  assert.equal(output, "{}\nbroken\n");
  assert.equal(exit_code, 9);
  await using stream = await one.stream();
  await stream.over();
  assert.deepEqual(stream.lines(), ["{}", "broken"]);
  assert.equal(stream.done().exit_code, 9);
});

test(
  "a pattern or expression that would run for ever is ended, and the server answers others meanwhile",
  { timeout: 300_000 },
  async () => {
    await using slow = await publish({
      command: `python3 -c "print('a' * 40)"`,
      transformer: { type: "regex", pattern: "^(a+)+$x" },
      capsule: capsule.id,
    });
    await using endless = await publish({
      command: "echo 1",
      transformer: { type: "jsonata", expression: "($f := function($x) { $f($x + 1) }; $f(0))" },
      capsule: capsule.id,
    });
    await using other = await publish({ command: "echo quick", capsule: capsule.id });
    const both = Promise.all([slow.refused(502), endless.refused(502)]);
    let answered = 0;
    let isOver = false;
    const ended = both.finally(() => (isOver = true));
    while (!isOver) {
      assert.equal((await other.json()).output, "quick\n");
      answered += 1;
    }
    for (const { code, message } of await ended) {
      assert.equal(code, "transform_failed");
      assert.ok(message.length > 10, message);
    }
    assert.ok(answered >= 3, `${answered} answered meanwhile`);
  },
);

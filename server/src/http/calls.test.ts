import assert from "node:assert/strict";
import { test } from "node:test";
import { callResult } from "@capsuled/contract";
import fc from "fast-check";
import { OWNER } from "./testing/fake-endpoints.ts";
import { callEventsIn, callEventsOf, inShort } from "./testing/call-events.ts";
import { KEYS } from "./testing/fake-services.ts";
import { problemOf } from "./testing/problem-shape.ts";
import { publish } from "./testing/requests.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

const CALL = `/v1/${OWNER}/job`;
const JSON_ONLY = { accept: "application/json" };
const RUN = `run-${"1".padStart(25, "0")}`;

async function worldWith(
  definition: Readonly<Record<string, unknown>> = {},
  settings: Parameters<typeof createWorld>[0] = {},
): Promise<World> {
  const world = await createWorld(settings);
  await publish(world, "job", { command: "echo", ...definition });
  return world;
}

test("a call's events are those of the documented stream, and its headers keep proxies from holding them back", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => {
    run.print("stdout", "Building project...\nCompiling 42 files...\n");
    run.print("stderr", "careful\n");
    run.print("stdout", "no end");
    run.end({ durationMs: 1234 });
  };
  const response = await world.call("POST", CALL);
  assert.equal(response.status, 200);
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  assert.equal(response.headers.get("cache-control"), "no-store");
  assert.equal(response.headers.get("x-accel-buffering"), "no");
  assert.equal(response.headers.get("x-run-id"), RUN);
  const text = await response.text();
  assert.match(text, new RegExp(`^retry: [0-9]{4}\nid: ${RUN}\\.0\\.0\n\n`));
  assert.equal(
    text.slice(text.indexOf("\n\n") + 2),
    `id: ${RUN}.20.0
data: {"type":"output","data":"Building project...","stream":"stdout"}

id: ${RUN}.42.0
data: {"type":"output","data":"Compiling 42 files...","stream":"stdout"}

id: ${RUN}.42.8
data: {"type":"output","data":"careful","stream":"stderr"}

id: ${RUN}.48.8
data: {"type":"output","data":"no end","stream":"stdout"}

id: ${RUN}.48.8.end
data: {"type":"done","exit_code":0,"duration_ms":1234,"run_id":"${RUN}","reason":"exited","signal":null,"stdout_bytes":48,"stderr_bytes":8}

`,
  );
});

test("lines come as they are printed, and the headers before the first of them", async () => {
  await using world = await worldWith();
  world.runs.script = () => {};
  const response = await world.call("GET", CALL);
  assert.ok(response.body !== null);
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await reader.read()).value ?? "", /^retry: /);
  for (const word of ["one", "two"]) {
    world.runs.last.print("stdout", `${word}\n`);
    assert.match((await reader.read()).value ?? "", new RegExp(`"data":"${word}"`));
  }
  world.runs.last.end();
  assert.match((await reader.read()).value ?? "", /"type":"done"/);
  assert.equal((await reader.read()).done, true);
});

test("a client that splits what it reads by lines finds whole events in each piece, also of much output at once", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => {
    run.print("stdout", `${"x".repeat(90)}\n`.repeat(700));
    run.end();
  };
  const response = await world.call("GET", CALL);
  let lines = 0;
  for await (const chunk of response.body ?? []) {
    for (const line of Buffer.from(chunk).toString("utf8").split("\n")) {
      if (!line.startsWith("data: ")) continue;
      JSON.parse(line.slice(6));
      lines += 1;
    }
  }
  assert.equal(lines, 701);
});

test("a timeout and a run that came to nothing end the stream with an error event, and JSON with their codes", async () => {
  await using world = await worldWith();
  for (const [facts, error, status] of [
    [{ status: "timed_out", reason: "timed_out", exitCode: 137, error: "Command timed out after 60s" }, "Command timed out after 60s", 504],
    [{ status: "error", reason: "boot_failed", exitCode: null, error: "No capsule." }, "No capsule.", 502],
    [{ status: "error", reason: "host_full", exitCode: null, error: "Full." }, "Full.", 503],
    [{ status: "error", reason: "queue_timeout", exitCode: null, error: "Waited." }, "Waited.", 429],
    [{ status: "error", reason: "capsule_gone", exitCode: null, error: "Gone." }, "Gone.", 409],
  ] as const) {
    world.runs.script = (run) => {
      run.print("stdout", "so far\n");
      run.end(facts);
    };
    const events = await callEventsOf(await world.call("GET", CALL));
    assert.deepEqual(events.map(inShort), ["so far", `error ${error}`]);
    const answer = await world.call("GET", CALL, { headers: JSON_ONLY });
    const problem = await problemOf(answer);
    assert.equal(answer.status, status);
    assert.equal(problem.message, error);
    assert.equal(problem.details?.["output"], "so far\n");
    assert.equal(problem.details["run_id"], world.runs.last.record.id);
    assert.equal(answer.headers.get("x-run-id"), world.runs.last.record.id);
  }
});

test("JSON only for who asks for it and for no events: output, exit code, run and duration", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => {
    run.print("stdout", "out\n");
    run.print("stderr", "err\n");
    run.end({ status: "failed", exitCode: 3 });
  };
  for (const accept of ["*/*", "text/event-stream", "text/event-stream, application/json", "application/json, text/event-stream;q=0.1"]) {
    const events = await world.call("GET", CALL, { headers: { accept } });
    assert.match(events.headers.get("content-type") ?? "", /^text\/event-stream/, accept);
    await events.text();
  }
  for (const accept of ["application/json", "text/html, application/json;q=0.9, */*;q=0.1"]) {
    const answer = await world.call("GET", CALL, { headers: { accept } });
    const result = callResult.parse(await answer.json());
    assert.deepEqual(result, {
      output: "out\nerr\n",
      exit_code: 3,
      run_id: world.runs.last.record.id,
      duration_ms: 5,
      reason: "exited",
      signal: null,
    });
  }
});

test("JSON says what is no text, and what is cut; a cut is at a character", async () => {
  await using world = await worldWith({}, { config: { outputBytesMax: 4 } });
  for (const [printed, expected] of [
    ["abcé", { output: "abc", output_truncated: true }],
    [Uint8Array.of(255, 1), { output: "/wE=", output_encoding: "base64" }],
  ] as const) {
    world.runs.script = (run) => {
      run.print("stdout", printed);
      run.end();
    };
    const result = callResult.parse(await (await world.call("GET", CALL, { headers: JSON_ONLY })).json());
    assert.deepEqual({ ...result, ...expected }, result);
  }
});

test("a transformer's result is one event, or `data`; without a good end the output is as it is", async () => {
  await using world = await worldWith({ transformer: { type: "json" } });
  world.runs.script = (run) => {
    run.print("stdout", '{"cpu":45,');
    run.print("stderr", "noise\n");
    run.print("stdout", '"mem":72}');
    run.end();
  };
  const events = await callEventsOf(await world.call("GET", CALL));
  assert.deepEqual(events.map(inShort), ['transformed {"cpu":45,"mem":72}', "done 0"]);
  assert.deepEqual(
    events.map(({ id }) => id.slice(RUN.length)),
    [".19.6.transformed", ".19.6.end"],
  );
  const again = await world.call("GET", CALL, { headers: { "last-event-id": events[0]?.id ?? "" } });
  assert.deepEqual((await callEventsOf(again)).map(inShort), ["done 0"]);
  const { data, exit_code: code } = callResult.parse(await (await world.call("GET", CALL, { headers: JSON_ONLY })).json());
  assert.deepEqual([data, code], [{ cpu: 45, mem: 72 }, 0]);

  world.runs.script = (run) => {
    run.print("stdout", "no JSON\n");
    run.end();
  };
  const failed = (await callEventsOf(await world.call("GET", CALL))).map(inShort);
  assert.equal(failed.length, 1);
  assert.match(failed[0] ?? "", /^error The transformer failed: /);
  const problem = await problemOf(await world.call("GET", CALL, { headers: JSON_ONLY }));
  assert.deepEqual([problem.code, problem.details?.["output"]], ["transform_failed", "no JSON\n"]);

  world.runs.script = (run) => {
    run.print("stdout", "no JSON\n");
    run.end({ status: "failed", exitCode: 1 });
  };
  assert.deepEqual((await callEventsOf(await world.call("GET", CALL))).map(inShort), ["no JSON", "done 1"]);
});

test("a reader that comes back with any event's id gets what follows, and no other run is begun; after the last, 204", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => {
    for (const text of ["a\nb", "c\n", "\n", "é\n", "rest"]) {
      run.print("stdout", text);
      run.print("stderr", `${text}!\n`);
    }
    run.end();
  };
  const all = await callEventsOf(await world.call("GET", CALL));
  assert.ok(all.length > 8);
  for (const [index, { id }] of all.entries()) {
    for (const path of [CALL, `/v1/runs/${RUN}/stream`]) {
      const response = await world.call("GET", path, { headers: { "last-event-id": id } });
      if (index === all.length - 1) assert.equal(response.status, 204);
      else assert.deepEqual(await callEventsOf(response), all.slice(index + 1));
      assert.equal(response.headers.get("x-run-id"), RUN);
    }
    const byQuery = await world.call("GET", `/v1/runs/${RUN}/stream?last_event_id=${id}`);
    assert.equal(byQuery.status, index === all.length - 1 ? 204 : 200);
    await byQuery.arrayBuffer();
  }
  assert.deepEqual(await callEventsOf(await world.call("GET", `/v1/runs/${RUN}/stream`)), all);
  assert.equal(world.runs.all.length, 1);
  const beginning = await world.call("GET", CALL, { headers: { "last-event-id": `${RUN}.0.0` } });
  assert.deepEqual(await callEventsOf(beginning), all);
});

test("a reader that is cut off anywhere and comes back as a browser does has every event once", async () => {
  await using world = await worldWith();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string({ maxLength: 8 }), { minLength: 1, maxLength: 8 }), fc.nat(600), async (lines, cutAt) => {
      world.runs.script = (run) => {
        for (const line of lines) run.print("stdout", `${line}\n`);
        run.end();
      };
      const text = await (await world.call("GET", CALL)).text();
      const cut = text.slice(0, cutAt);
      // What a browser has had: whole blocks only.
      const had = cut.slice(0, cut.lastIndexOf("\n\n") + 2);
      const id = [...had.matchAll(/^id: (.*)$/gm)].at(-1)?.[1];
      if (id === undefined) return;
      const response = await world.call("GET", CALL, { headers: { "last-event-id": id } });
      const rest = response.status === 204 ? "" : await response.text();
      assert.deepEqual([...callEventsIn(had), ...callEventsIn(rest)], callEventsIn(text));
    }),
    { numRuns: 60 },
  );
});

test("an id that is none, lies beyond the end, or is of another run never begins a run", async () => {
  await using world = await worldWith();
  await publish(world, "second", { command: "echo" });
  await (await world.call("GET", CALL)).text();
  for (const [path, id, code] of [
    [CALL, "nonsense", "invalid_request"],
    [CALL, `${RUN}.999.0`, "invalid_request"],
    [CALL, `${RUN}.1`, "invalid_request"],
    [CALL, `run-${"9".repeat(25)}.0.0`, "not_found"],
    [`/v1/${OWNER}/second`, `${RUN}.0.0`, "not_found"],
    [`/v1/runs/${RUN}/stream`, `run-${"9".repeat(25)}.0.0`, "not_found"],
  ] as const) {
    assert.equal((await problemOf(await world.call("GET", path, { headers: { "last-event-id": id } }))).code, code, id);
  }
  assert.equal(world.runs.all.length, 1);
});

test("bytes that are not kept are told by one gap event, and the lines after it have the right ids", async () => {
  await using world = await worldWith();
  world.runs.script = (run) => {
    run.lose({ stdoutBytes: 100, stderrBytes: 7 });
    run.print("stdout", "left\n");
    run.end();
  };
  const events = await callEventsOf(await world.call("GET", CALL));
  assert.deepEqual(events.map(inShort), ["gap 100 7", "left", "done 0"]);
  assert.deepEqual(
    events.map(({ id }) => id.slice(RUN.length)),
    [".100.7", ".105.7", ".105.7.end"],
  );
});

test("a comment keeps an idle stream open, also while a transformer waits for the end", async () => {
  await using world = await worldWith({}, { streams: { keepAliveMs: 10 } });
  await publish(world, "later", { command: "echo", transformer: { type: "lines" } });
  for (const path of [CALL, `/v1/${OWNER}/later`]) {
    world.runs.script = () => {};
    const response = await world.call("GET", path);
    assert.ok(response.body !== null);
    let text = "";
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      text += chunk;
      if (text.includes(": keep-alive\n\n: keep-alive\n\n") && !world.runs.last.isOver) world.runs.last.end();
    }
    assert.match(text, /"type":"done"/);
  }
});

test("async answers 202 with the run at once; its run is one that survives", async () => {
  await using world = await worldWith({ async: true });
  world.runs.script = () => {};
  const response = await world.call("POST", CALL);
  assert.equal(response.status, 202);
  assert.deepEqual(await response.json(), { run_id: RUN, status: "running" });
  assert.equal(response.headers.get("x-run-id"), RUN);
  assert.equal(world.runs.last.request.mode, "async");
});

test("an Idempotency-Key attaches a repeat to the first one's run, for each form of answer", async () => {
  await using world = await worldWith({ args: [{ name: "a" }], public: true });
  const headers = { ...JSON_ONLY, "idempotency-key": "my key" };
  const first = await world.call("POST", CALL, { json: { a: 1 }, headers });
  const again = await world.call("POST", `/api${CALL}`, { json: { a: 1 }, headers });
  assert.deepEqual(await again.json(), await first.json());
  assert.deepEqual([first.headers.get("idempotent-replayed"), again.headers.get("idempotent-replayed")], [null, "true"]);
  const events = await world.call("POST", CALL, { json: { a: 1 }, headers: { "idempotency-key": "my key" } });
  assert.equal(events.headers.get("idempotent-replayed"), "true");
  assert.deepEqual((await callEventsOf(events)).map(inShort), ["hello", "done 0"]);
  assert.equal(world.runs.all.length, 1);
  assert.equal((await problemOf(await world.call("POST", CALL, { json: { a: 2 }, headers }))).code, "idempotency_conflict");
  // A stranger who chooses the same key meets another run.
  await (await world.call("POST", CALL, { json: { a: 1 }, headers, key: null })).text();
  await (await world.call("POST", CALL, { json: { a: 1 }, headers, key: KEYS.other })).text();
  assert.equal(new Set(world.runs.all.map(({ record }) => record.dedupe)).size, 3);
  for (const key of ["", "x".repeat(256), "caf\u00e9"]) {
    const problem = await problemOf(await world.call("POST", CALL, { headers: { "idempotency-key": key } }));
    assert.equal(problem.details?.["field"], "Idempotency-Key");
  }
});

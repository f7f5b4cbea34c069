import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { expectError, property } from "../harness/call.ts";
import { newCapsule } from "../harness/capsule.ts";
import type { TestCapsule } from "../harness/capsule.ts";
import { publish, request, runEnded, streamOf } from "../harness/endpoint.ts";
import type { CallStream } from "../harness/call-stream.ts";
import { newTeam } from "../harness/team.ts";

let capsule: TestCapsule;
before(async () => {
  capsule = await newCapsule();
});
after(() => capsule[Symbol.asyncDispose]());

const NUMBERS = Array.from({ length: 300 }, (_, at) => `${at + 1}`);
/** Counts its starts, then prints numbers, some of them on stderr. */
const COUNT = `sh -c 'echo x >> /root/starts; for i in $(seq 300); do [ $((i % 7)) = 0 ] && echo $i >&2 || echo $i; sleep 0.005; done; exit 4'`;

function outputs(stream: CallStream): readonly string[] {
  return stream.events.flatMap((event) => (event.type === "output" ? [event.data] : []));
}

for (const at of ["the call's own URL", "the run's URL"] as const) {
  test(`a caller that is cut off again and again resumes at ${at} by its last id, misses and repeats nothing, and starts nothing`, async () => {
    await capsule.sh("rm -f /root/starts");
    await using one = await publish({ command: COUNT, capsule: capsule.id });
    const got: string[] = [];
    let lastId: string | null = null;
    let runId = "";
    for (let tries = 0; ; tries++) {
      assert.ok(tries < 100);
      const headers: Record<string, string> = lastId === null ? {} : { "last-event-id": lastId };
      await using stream: CallStream =
        lastId === null || at === "the call's own URL"
          ? await one.stream({ headers })
          : await streamOf(`/v1/runs/${runId}/stream`, { headers });
      if (stream.status === 204) break;
      assert.equal(stream.status, 200);
      if (runId === "") runId = stream.runId;
      assert.equal(stream.runId, runId, "it is the same run");
      const enough = got.length + 25;
      // Cut where 25 more have come, or at the end; what came with the cut is taken by its ids all the same.
      await stream.event((event) => event.type === "done" || outputs(stream).length + got.length >= enough);
      const events = stream.seen.slice();
      for (const { event } of events) if (event.type === "output") got.push(event.data);
      lastId = events.at(-1)?.id ?? stream.lastId;
      if (events.at(-1)?.event.type === "done") assert.equal(stream.done().exit_code, 4);
    }
    assert.deepEqual(
      got.toSorted((a, b) => Number(a) - Number(b)),
      NUMBERS,
    );
    assert.equal((await capsule.sh("wc -l < /root/starts")).stdout.trim(), "1");
    assert.equal((await one.runs()).length, 1);
    await capsule.sh("rm -f /root/starts");
  });
}

test("after the last event a reader is told 204, so that an EventSource stops coming back; before it the end comes again", async () => {
  await using one = await publish({ command: "echo only", capsule: capsule.id });
  await using stream = await one.stream();
  await stream.over();
  const [line, done] = stream.seen;
  assert.ok(line !== undefined && done !== undefined);
  for (const path of [one.path, `/v1/runs/${stream.runId}/stream`]) {
    const response = await request(path, { headers: { "last-event-id": done.id } });
    assert.equal(response.status, 204, path);
    assert.equal(await response.text(), "");
    await using again = await streamOf(path, { headers: { "last-event-id": line.id } });
    await again.over();
    assert.deepEqual(
      again.seen.map(({ id, event }) => [id, event]),
      [[done.id, done.event]],
      path,
    );
  }
  await using query = await streamOf(`/v1/runs/${stream.runId}/stream?last_event_id=${encodeURIComponent(line.id)}`);
  await query.over();
  assert.deepEqual(query.events, [done.event]);
});

test("a caller that was cut off before the first event comes back to its run by the id that came before it", async () => {
  await capsule.sh("rm -f /root/on");
  await using one = await publish({ command: `sh -c 'until [ -e /root/on ]; do sleep 0.02; done; echo now'`, capsule: capsule.id });
  let id = "";
  {
    await using cut = await one.stream();
    while (cut.lastId === null) await new Promise((done) => setTimeout(done, 10));
    id = cut.lastId;
    assert.equal(cut.events.length, 0);
  }
  await using back = await one.stream({ headers: { "last-event-id": id } });
  await capsule.sh("touch /root/on");
  await back.over();
  assert.deepEqual(back.lines(), ["now"]);
  assert.equal((await one.runs()).length, 1);
});

test("a run is read from its beginning any number of times, also after its end, and the readings are the same", async () => {
  await using one = await publish({ command: COUNT, capsule: capsule.id });
  await using first = await one.stream();
  await first.line("5");
  await using second = await streamOf(`/v1/runs/${first.runId}/stream`);
  await Promise.all([first.over(), second.over()]);
  await using third = await streamOf(`/v1/runs/${first.runId}/stream`);
  await third.over();
  for (const other of [second, third]) {
    assert.deepEqual(other.lines("stdout"), first.lines("stdout"));
    assert.deepEqual(other.lines("stderr"), first.lines("stderr"));
    assert.deepEqual(other.events.at(-1), first.events.at(-1));
  }
  await capsule.sh("rm -f /root/starts");
});

test("an id that is none is 400, one of another endpoint's run or beyond the output is refused, and nothing runs", async () => {
  await using one = await publish({ command: "echo a", capsule: capsule.id });
  await using other = await publish({ command: "echo b", capsule: capsule.id });
  await using stream = await other.stream();
  await stream.over();
  const before = (await one.runs()).length;
  for (const id of ["5", "run-x.0.0", `${stream.runId}.1`, `${stream.runId}.-1.0`, `${stream.runId}.0.0.more`, "x".repeat(150)]) {
    assert.equal((await one.refused(400, { headers: { "last-event-id": id } })).code, "invalid_request", id);
  }
  assert.equal((await one.refused(404, { headers: { "last-event-id": `${stream.runId}.0.0` } })).code, "not_found");
  assert.equal((await one.refused(404, { headers: { "last-event-id": `run-${"0".repeat(25)}.0.0` } })).code, "not_found");
  assert.equal((await other.refused(400, { headers: { "last-event-id": `${stream.runId}.999.0` } })).code, "invalid_request");
  assert.equal((await one.runs()).length, before);
});

test("another team finds neither a run nor its stream, output or end", async () => {
  const stranger = await newTeam();
  await using one = await publish({ command: "echo private", capsule: capsule.id });
  const { run_id: id } = await one.json();
  for (const operation of ["getRun", "streamRun", "getRunOutput", "cancelRun"] as const)
    await expectError(operation, "not_found", { key: stranger.key, params: { id } });
  const response = await request(one.path, { key: stranger.key, headers: { "last-event-id": `${id}.0.0` } });
  assert.equal(response.status, 404);
  assert.equal(property(property(await response.json(), "error"), "code"), "not_found");
});

test("a reader that comes long after, when the run's own capsule is gone, gets all of the output", async () => {
  await using one = await publish({ command: `sh -c 'seq 20000; echo err >&2'` });
  await using cut = await one.stream();
  await cut.line("10");
  await cut[Symbol.asyncDispose]();
  const ended = await runEnded(cut.runId);
  assert.equal(ended.status, "succeeded");
  await using late = await streamOf(`/v1/runs/${cut.runId}/stream`);
  await late.over();
  assert.deepEqual(
    late.lines("stdout"),
    Array.from({ length: 20_000 }, (_, at) => `${at + 1}`),
  );
  assert.deepEqual(late.lines("stderr"), ["err"]);
});

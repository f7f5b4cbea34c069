import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { eventPage } from "@capsuled/contract";
import { z } from "zod";
import type { EventDraft } from "../core/event/record.ts";
import { EventSourceClient } from "./testing/event-source.ts";
import { IDS, KEYS } from "./testing/fake-services.ts";
import { problemOf } from "./testing/problem-shape.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";

function commit(world: World, given: Partial<Pick<EventDraft, "teamId" | "capsuleId">> = {}, name: string | null = null): number {
  const data = { template: "minimal", vcpus: 1, memory_mb: 64, disk_mb: 64, timeout_sec: 0, name };
  const head = { teamId: IDS.team, capsuleId: IDS.running, processId: null, at: 0, actor: { type: "api_key", id: IDS.key } as const };
  const { id, teamId } = world.eventStore.add({ ...head, ...given, type: "capsule.created", data });
  world.signal.signal(teamId);
  return id;
}

test("streamEvents: a client that comes back with Last-Event-ID misses none and repeats none", async () => {
  await using world = await createWorld();
  const got: string[] = [];
  let last: Record<string, string> = {};
  commit(world);
  for (let connection = 0; connection < 4; connection += 1) {
    await using client = await EventSourceClient.open(world, "?from=start", last);
    if (connection === 0) assert.equal(client.response.headers.get("content-type"), "text/event-stream; charset=utf-8");
    for (let event = 0; event < 3; event += 1) {
      commit(world);
      got.push(await client.event());
    }
    last = { "last-event-id": got.at(-1)?.split(" ")[0] ?? "" };
  }
  assert.deepEqual(
    got,
    Array.from({ length: 12 }, (_, index) => `${index + 1} capsule.created`),
  );
});

test("streamEvents: an event of a capsule says what the documented client reads, and one of a process no name that it would refuse", async () => {
  await using world = await createWorld();
  commit(world);
  const head = { teamId: IDS.team, capsuleId: IDS.running, processId: null, at: 0, actor: { type: "api_key", id: IDS.key } as const };
  world.eventStore.add({ ...head, type: "capsule.running", data: {} });
  const command = { pid: 2, tag: "bg-00000000", cmd: "true", args: [], started_at: "1970-01-01T00:00:00.000Z" };
  world.eventStore.add({ ...head, type: "process.started", data: command });
  const answer = await world.call("GET", "/v1/events/stream?from=start");
  let text = "";
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  while (text.split("data:").length < 4) text += (await reader?.read())?.value ?? assert.fail(text);
  await reader?.cancel();
  const told = text
    .split("\n")
    .flatMap((line) => (line.startsWith("data:") ? [z.record(z.string(), z.unknown()).parse(JSON.parse(line.slice(5)))] : []));
  const resource = { id: IDS.running, type: "sandbox" };
  const timestamp = "1970-01-01T00:00:00.000Z";
  assert.deepEqual(
    told.map(({ event, resource: of, timestamp: when, outcome, metadata }) => [event, of, when, outcome, metadata]),
    [
      ["capsule.create", resource, timestamp, "success", undefined],
      ["capsule.state.changed", resource, timestamp, undefined, { to: "running" }],
      [undefined, undefined, undefined, undefined, undefined],
    ],
  );
});

test("streamEvents: other teams' events never come, and without a position only new ones do", async () => {
  await using world = await createWorld();
  commit(world);
  await using client = await EventSourceClient.open(world);
  commit(world, { teamId: IDS.otherTeam });
  commit(world, { capsuleId: IDS.paused });
  assert.equal(await client.event(), "3 capsule.created");
});

test("streamEvents: what was removed is told by a gap event, with the id to resume from", async () => {
  await using world = await createWorld();
  for (let count = 0; count < 4; count += 1) commit(world);
  world.eventStore.forget(IDS.team, 3);
  await using client = await EventSourceClient.open(world, "", { "last-event-id": "1" });
  assert.equal(await client.event(), "3 gap");
  assert.equal(await client.event(), "4 capsule.created");
});

test("streamEvents: a quiet stream sends comments that move the position on", async () => {
  await using world = await createWorld({ streams: { keepAliveMs: 20 } });
  await using client = await EventSourceClient.open(world, `?capsule=${IDS.paused}`);
  commit(world);
  for (;;) {
    const block = await client.next();
    assert.ok(block !== null);
    if (block.comment !== null && block.id === "1") break;
    assert.equal(block.data, null);
  }
});

test("streamEvents invalid_offset and invalid_request: positions in the future, negative, not numbers and too long", async () => {
  await using world = await createWorld();
  commit(world);
  const codeOf = async (query: string, headers: Record<string, string> = {}): Promise<string> =>
    (await problemOf(await world.call("GET", `/v1/events/stream${query}`, { headers }))).code;
  assert.equal(await codeOf("?from=2"), "invalid_offset");
  assert.equal(await codeOf("", { "last-event-id": "999999999" }), "invalid_offset");
  for (const from of ["-1", "1.5", "x", "99999999999999999999", "0x1", "%20"])
    assert.equal(await codeOf(`?from=${from}`), "invalid_request", from);
  for (const id of ["-1", "abc", "1".repeat(40)]) assert.equal(await codeOf("", { "last-event-id": id }), "invalid_request", id);
  assert.equal(await codeOf("?type=capsule.exploded"), "invalid_request");
});

test("streamEvents unavailable: no more than the bound are open, and one that leaves makes room", async () => {
  await using world = await createWorld({ streams: { eventStreams: { all: 2, anonymous: 0, team: 9, address: 0 } } });
  await using first = await EventSourceClient.open(world);
  await using _second = await EventSourceClient.open(world);
  assert.equal((await problemOf(await world.call("GET", "/v1/events/stream"))).code, "unavailable");
  await first[Symbol.asyncDispose]();
  for (;;) {
    const response = await world.call("GET", "/v1/events/stream");
    await response.body?.cancel();
    if (response.status === 200) break;
  }
});

test("streamEvents: revoking the key and stopping the server end the stream", async () => {
  await using world = await createWorld();
  await using client = await EventSourceClient.open(world);
  await using other = await EventSourceClient.open(world, "", { "x-api-key": KEYS.admin });
  await client.next();
  world.services.revoke(`key-${"2".repeat(25)}`);
  assert.equal(await client.event(), "end");
  const closed = world.server.close(5000);
  assert.equal(await other.event(), "end");
  await closed;
});

test("streamEvents: a client that takes nothing is let go after the bound, and no more is read for it than it could take", async () => {
  await using world = await createWorld({ streams: { stallMs: 100, eventStreams: { all: 1, anonymous: 0, team: 1, address: 0 } } });
  const { hostname, port } = new URL(world.url);
  const socket = connect(Number(port), hostname);
  await once(socket, "connect");
  socket.write(`GET /v1/events/stream?from=start HTTP/1.1\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\n\r\n`);
  // Nothing is read from here on; what the kernel takes for both sides is a few megabytes.
  await once(socket, "readable");
  const looks: number[] = [];
  const readAfter = world.eventStore.readAfter.bind(world.eventStore);
  world.eventStore.readAfter = (filter, position, limit) => {
    if (filter.teamId === IDS.team) looks.push(position);
    return readAfter(filter, position, limit);
  };
  for (let count = 0; count < 400; count += 1) commit(world, {}, "x".repeat(100_000));
  for (let isRoom = false; !isRoom;) {
    const response = await world.call("GET", "/v1/events/stream", { key: KEYS.other });
    isRoom = response.status === 200;
    await response.body?.cancel();
  }
  assert.ok(looks.length <= 2, `it was read on for a client that takes nothing: ${looks.join()}`);
  socket.destroy();
});

test("listEvents pages through everything once, both ways", async () => {
  await using world = await createWorld();
  for (let count = 0; count < 7; count += 1) commit(world, count === 3 ? { teamId: IDS.otherTeam } : {});
  for (const order of ["asc", "desc"] as const) {
    const seen: number[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const response = await world.call("GET", `/v1/events?order=${order}&limit=2${cursor === "" ? "" : `&cursor=${cursor}`}`);
      const page = eventPage.parse(await response.json());
      seen.push(...page.items.map(({ id }) => id));
      cursor = page.next_cursor;
    }
    assert.deepEqual(seen, order === "asc" ? [1, 2, 3, 5, 6, 7] : [7, 6, 5, 3, 2, 1]);
  }
  const since = eventPage.parse(await (await world.call("GET", "/v1/events?since=5")).json());
  assert.deepEqual(
    since.items.map(({ id }) => id),
    [7, 6],
  );
});

import assert from "node:assert/strict";
import { test } from "node:test";
import type { ErrorCode, Operation, OperationId } from "@capsuled/contract";
import { LIMITS, OPERATIONS } from "@capsuled/contract";
import { StoreUnavailableError } from "../core/capsule/store.ts";
import { TICKET_LIMITS } from "../core/access/tickets.ts";
import { fail } from "../core/fail.ts";
import type { FakeRun } from "./testing/fake-runs.ts";
import { AgentLostError } from "../core/ports/agent-link.ts";
import { capsuleRecord, IDS, KEYS } from "./testing/fake-services.ts";
import { endOf } from "./testing/fake-stream.ts";
import { Pipeline } from "./testing/pipeline.ts";
import { problemOf } from "./testing/problem-shape.ts";
import type { GoodRequest } from "./testing/requests.ts";
import { ENDPOINT, GOOD_REQUESTS, prepare, publish } from "./testing/requests.ts";
import { refusedUpgrade } from "./testing/socket-client.ts";
import type { World } from "./testing/world.ts";
import { createWorld } from "./testing/world.ts";
import { OWNER } from "./testing/fake-endpoints.ts";

const ids = Object.keys(OPERATIONS).filter((id): id is OperationId => id in OPERATIONS);

async function preparedWorld(settings: Parameters<typeof createWorld>[0] = {}): Promise<World> {
  const world = await createWorld(settings);
  await prepare(world);
  return world;
}

function send(world: World, request: GoodRequest, prefix = ""): Promise<Response> {
  return world.call(request.method, prefix + request.path, {
    key: request.key ?? KEYS.member,
    ...json(request),
  });
}

for (const id of ids) {
  const operation: Operation = OPERATIONS[id];
  const request = GOOD_REQUESTS[id];
  const prefixes = operation.path.startsWith("/v1") ? ["", "/api"] : [""];

  if (operation.socket === undefined) {
    test(`${id} answers as its contract says, under each prefix`, async () => {
      for (const prefix of prefixes) {
        await using world = await preparedWorld();
        if (id === "startCapsule") world.services.capsules.start = async () => capsuleRecord();
        const response = await send(world, request, prefix);
        const isEndless = operation.answers[request.status]?.contentType === "text/event-stream";
        assert.equal(response.status, request.status, isEndless ? "" : await response.clone().text());
        assert.match(response.headers.get("x-request-id") ?? "", /^req-[0-9a-z]{25}$/);
        const answer = operation.answers[request.status];
        assert.ok(answer !== undefined);
        if (answer.schema === null) assert.equal(await response.text(), "");
        else if (answer.contentType === undefined) answer.schema.parse(await response.json());
        else assert.ok(response.headers.get("content-type")?.startsWith(answer.contentType));
        if (isEndless) await response.body?.cancel();
      }
    });
  }

  for (const code of operation.errors) {
    test(`${id} ${code}`, async () => {
      await using world = await preparedWorld();
      const provoke = PROVOCATIONS[code];
      assert.ok(provoke !== undefined, `nothing provokes ${code}: add it to PROVOCATIONS`);
      const error = await provoke(world, id, request);
      assert.equal(error, code);
    });
  }

  if (operation.auth !== "none") {
    test(`${id} unauthorized: without a key, with a malformed and with an unknown one`, async () => {
      await using world = await preparedWorld();
      for (const key of [null, "", "nonsense", `wrn_${"f".repeat(40)}`, "x".repeat(5000)]) {
        const response = await world.call(request.method, request.path, { key });
        assert.equal((await problemOf(response)).code, "unauthorized");
      }
    });

    test(`${id} checks the key before it reads the body`, async () => {
      await using world = await preparedWorld();
      const response = await world.call(request.method, request.path, {
        key: null,
        ...(request.method === "GET" ? {} : { body: "{malformed" }),
      });
      assert.equal((await problemOf(response)).code, "unauthorized");
    });
  }

  // A team's own names are nobody else's, so that another team's request with the same one is about another thing.
  if (operation.path.includes("{") && operation.auth !== "none" && !["putEndpoint", "deleteEndpoint"].includes(id)) {
    test(`${id} answers another team's key exactly as it answers for what does not exist`, async () => {
      await using world = await preparedWorld();
      const other = await comparable(await world.call(request.method, request.path, { key: KEYS.other, ...json(request) }));
      const absentPath = request.path
        .replaceAll(/cl-[0-9a-z]{25}/g, IDS.absent)
        .replaceAll(/key-[0-9a-z]{25}/g, `key-${"9".repeat(25)}`)
        .replace("/snapshots/kept", "/snapshots/absent")
        .replaceAll(/im-[0-9a-z]{25}/g, `im-${"9".repeat(25)}`)
        .replaceAll(/bd-[0-9a-z]{25}/g, `bd-${"9".repeat(25)}`)
        .replaceAll(/run-[0-9a-z]{25}/g, `run-${"9".repeat(25)}`)
        .replace(new RegExp(`/${ENDPOINT}(?=/|$)`), "/absent");
      const absent = await comparable(
        await world.call(request.method, absentPath, { key: operation.auth === "admin" ? KEYS.admin : KEYS.member, ...json(request) }),
      );
      assert.deepEqual(other, absent);
      assert.equal(other.status, operation.socket === undefined ? 404 : 426);
    });
  }
}

function json({ json: value, body, headers }: GoodRequest): { json?: unknown; body?: string; headers?: Readonly<Record<string, string>> } {
  return {
    ...(value !== undefined && { json: value }),
    ...(body !== undefined && { body }),
    ...(headers !== undefined && { headers }),
  };
}

async function comparable(response: Response): Promise<{ status: number; body: string }> {
  return { status: response.status, body: (await response.text()).replaceAll(/req-[0-9a-z]{25}/g, "req") };
}

/** How each code comes about; a scripted service throws what the real one would. */
const PROVOCATIONS: Partial<Record<ErrorCode, (world: World, id: OperationId, request: GoodRequest) => Promise<string>>> = {
  invalid_request: async (world, id, request) => {
    const operation: Operation = OPERATIONS[id];
    // Their only bad input is a name, an id or bytes, which the use case looks at.
    if (["deleteSnapshot", "deleteImage", "uploadImage"].includes(id)) return scripted(world, id, request, fail("invalid_request"));
    const bare = request.path.split("?", 1)[0] ?? "";
    if (request.method === "POST" || operation.body !== null)
      return (await problemOf(await world.call(request.method, bare, { key: KEYS.admin, body: "{" }))).code;
    const path = `${bare}?limit=none&signal=SIGHUP&from=yesterday&log=maybe&range=1y`;
    if (!isSocket(id)) return (await problemOf(await world.call(request.method, path))).code;
    return codeOf((await refusedUpgrade(world, path)).body);
  },
  forbidden: async (world, id, request) => {
    const { auth }: Operation = OPERATIONS[id];
    if (auth !== "admin") return scripted(world, id, request, fail("forbidden"));
    return (await problemOf(await world.call(request.method, request.path, { key: KEYS.member, ...json(request) }))).code;
  },
  name_reserved: (world, id, request) => scripted(world, id, request, fail("name_reserved")),
  template_name_taken: (world, id, request) => scripted(world, id, request, fail("template_name_taken")),
  disk_full: (world, id, request) => scripted(world, id, request, fail("disk_full")),
  range_not_satisfiable: async (world, id, request) => {
    const headers = { range: "bytes=1000-" };
    return (await problemOf(await world.call(request.method, request.path, { ...json(request), headers }))).code;
  },
  too_large: async (world, id, request) =>
    ["writeFile", "uploadImage"].includes(id)
      ? scripted(world, id, request, fail("too_large"))
      : (await problemOf(await world.call("POST", request.path, { body: " ".repeat(LIMITS.bodyBytesMax + 1) }))).code,
  upgrade_required: async (world, _id, request) => (await problemOf(await send(world, request))).code,
  timeout: async (world, id, request) => {
    if (id === "callEndpoint") return called(world, (run) => run.end({ status: "timed_out", reason: "timed_out", exitCode: 137 }));
    world.services.processes.exec = async () => ({
      kind: "ended",
      end: endOf({ reason: "timed_out" }),
      stdout: new Uint8Array(0),
      stderr: new Uint8Array(0),
    });
    return (await problemOf(await send(world, request))).code;
  },
  shutting_down: async (world, _id, request) => {
    await using pipeline = await Pipeline.open(world);
    const body = JSON.stringify(request.json ?? {});
    pipeline.socket.write(`${request.method} ${request.path} HT`);
    // Answered after the beginning above was read: the connection is not idle when the server closes.
    await world.call("GET", "/healthz");
    const closed = world.server.close(5_000);
    const length = request.method === "GET" ? "" : `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n`;
    pipeline.socket.write(`TP/1.1\r\nHost: x\r\nX-API-Key: ${KEYS.member}\r\n${length}\r\n${length === "" ? "" : body}`);
    const [answer] = await pipeline.answers(1);
    await closed;
    assert.match(answer?.head ?? "", /^connection: close$/im);
    return codeOf(JSON.parse(answer?.body ?? "null"));
  },
  invalid_signature: async (world) => {
    await publish(world, "hook", { command: "cat", trigger: "webhook", secret: "a good secret" });
    return (await problemOf(await world.call("POST", `/v1/${OWNER}/hook`, { body: "{}" }))).code;
  },
  method_not_allowed: async (world, _id, request) => (await problemOf(await world.call("DELETE", request.path))).code,
  unsupported_media_type: async (world, _id, request) =>
    (await problemOf(await world.call(request.method, request.path, { body: "<a/>", headers: { "content-type": "text/xml" } }))).code,
  idempotency_conflict: async (world, _id, request) => {
    const headers = { "idempotency-key": "one", accept: "application/json" };
    assert.equal((await world.call("POST", request.path, { json: { whom: "a" }, headers })).status, 200);
    return (await problemOf(await world.call("POST", request.path, { json: { whom: "b" }, headers }))).code;
  },
  rate_limited: async (_world, _id, request) => {
    await using limited = await preparedWorld({ config: { callRate: 1 } });
    return (await problemOf(await send(limited, request))).code;
  },
  run_failed: (world) => called(world, (run) => run.end({ status: "error", reason: "boot_failed", exitCode: null })),
  transform_failed: async (world) => {
    await publish(world, ENDPOINT, { command: "echo", transformer: { type: "json" } });
    return called(world, (run) => {
      run.print("stdout", "no JSON");
      run.end();
    });
  },
  queue_full: (world, id, request) => scripted(world, id, request, fail("queue_full")),
  queue_timeout: (world) => called(world, (run) => run.end({ status: "error", reason: "queue_timeout", exitCode: null })),
  capsule_gone: (world, id, request) => scripted(world, id, request, fail("capsule_gone")),
  not_found: (world, id, request) => scripted(world, id, request, fail("not_found")),
  invalid_state: (world, id, request) => scripted(world, id, request, fail("invalid_state")),
  invalid_offset: (world, id, request) => scripted(world, id, request, fail("invalid_offset")),
  result_expired: (world, id, request) => scripted(world, id, request, fail("result_expired")),
  tag_in_use: (world, id, request) => scripted(world, id, request, fail("tag_in_use")),
  conflict: (world, id, request) => scripted(world, id, request, fail("conflict")),
  quota_exceeded: async (world, id, request) => {
    if (id !== "createTicket") return scripted(world, id, request, fail("quota_exceeded"));
    // However long that takes, none is too old by then.
    const now = world.clock.now();
    world.clock.now = () => now;
    for (let count = 0; count < TICKET_LIMITS.teamMax; count += 1) assert.equal((await send(world, request)).status, 201);
    return (await problemOf(await send(world, request))).code;
  },
  host_full: (world, id, request) => scripted(world, id, request, fail("host_full")),
  process_limit: (world, id, request) => scripted(world, id, request, fail("process_limit")),
  agent_error: (world, id, request) => scripted(world, id, request, new AgentLostError("gone")),
  unavailable: (world, id, request) => scripted(world, id, request, new StoreUnavailableError("database is locked")),
};

/** What a call answers with when its run goes like this. */
async function called(world: World, script: (run: FakeRun) => void): Promise<string> {
  world.runs.script = script;
  const response = await world.call("POST", `/v1/${OWNER}/${ENDPOINT}`, { headers: { accept: "application/json" } });
  return (await problemOf(response)).code;
}

function isSocket(id: OperationId): boolean {
  const operation: Operation = OPERATIONS[id];
  return operation.socket !== undefined;
}

/** Every service throws this. */
async function scripted(world: World, id: OperationId, request: GoodRequest, error: Error): Promise<string> {
  const { capsules, processes, files, access, templates, builds, usage, ports, archives } = world.services;
  const thrower = async (): Promise<never> => {
    throw error;
  };
  Object.assign(capsules, Object.fromEntries(Object.keys(capsules).map((name) => [name, thrower])));
  Object.assign(files, Object.fromEntries(Object.keys(files).map((name) => [name, thrower])));
  usage.capsule = thrower;
  usage.days = thrower;
  Object.assign(templates, { snapshot: thrower, fork: thrower, list: thrower, remove: thrower });
  Object.assign(builds, { start: thrower, get: thrower, list: thrower, log: thrower, cancel: thrower });
  Object.assign(processes, {
    exec: thrower,
    prepareStream: thrower,
    prepareTerminal: thrower,
    attach: thrower,
    list: thrower,
    kill: thrower,
    get: thrower,
    output: thrower,
  });
  Object.assign(archives, { upload: thrower, remove: thrower });
  Object.assign(ports, { list: thrower, setPublic: thrower, sign: thrower });
  world.endpointStore.failure = error;
  world.endpoints.findPublished = thrower;
  Object.assign(world.runs, { get: thrower, list: thrower, cancel: thrower, latest: thrower });
  Object.assign(world.eventStore, { list: thrower, readAfter: thrower, latestId: thrower });
  Object.assign(access, { listKeys: thrower, createKey: thrower, revokeKey: thrower, listTeams: thrower, createTeam: thrower });
  if (id === "getHealth") world.health = { status: "unavailable", checks: { database: "failing" } };
  if (id === "getMetrics")
    return (await problemOf(await world.call("GET", request.path, { headers: { "x-forwarded-for": "203.0.113.9" } }))).code;
  if (isSocket(id)) return codeOf((await refusedUpgrade(world, request.path)).body);
  return (await problemOf(await send(world, request))).code;
}

function codeOf(body: unknown): string {
  assert.ok(typeof body === "object" && body !== null && "error" in body && typeof body.error === "object" && body.error !== null);
  assert.ok("code" in body.error && typeof body.error.code === "string");
  return body.error.code;
}

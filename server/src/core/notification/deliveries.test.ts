import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import { test } from "node:test";
import { createIds } from "../../lib/node/ids.ts";
import { resolveBySystem } from "../../outbound/resolve.ts";
import { createSender } from "../../outbound/sender.ts";
import { createSigner } from "../../outbound/signer.ts";
import { createAccessStore } from "../../store/access-store.ts";
import { createEndpointStore } from "../../store/endpoint-store.ts";
import { createNotificationStore } from "../../store/notification-store.ts";
import { openDatabase } from "../../store/open.ts";
import { createRunStore } from "../../store/run-store.ts";
import { endpointRecord, keyRecord, runRecord, teamRecord } from "../../store/testing/records.ts";
import type { EndpointRecord } from "../endpoint/record.ts";
import type { RunRecord } from "../run/record.ts";
import type { DeliveryDeps } from "./deliveries.ts";
import { AT_ONCE, Deliveries, LEASE_MS } from "./deliveries.ts";
import type { NotificationRecord } from "./record.ts";

interface Seen {
  readonly path: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

interface World {
  readonly deps: DeliveryDeps;
  readonly seen: Seen[];
  readonly teamIds: readonly [string, string];
  /** Answers by path; 200 for a path that has none. */
  readonly answers: Map<string, (response: ServerResponse) => void>;
  /** Resolves once so many requests were seen. */
  saw(count: number): Promise<void>;
  pass(ms: number): void;
  endpoint(given?: Partial<EndpointRecord["definition"]>, teamId?: string): Promise<EndpointRecord>;
  /** An ended run of an endpoint, with a notification to a path of the receiver that is due now. */
  ended(endpoint: EndpointRecord, path: string, given?: Partial<RunRecord>): Promise<RunRecord>;
  notification(run: RunRecord): Promise<NotificationRecord | undefined>;
}

const OUTPUT = new TextEncoder().encode("hello\n");

/** A real store and a real receiver; the clock is moved by hand. */
async function withWorld(work: (world: World) => Promise<void>): Promise<void> {
  const database = await openDatabase({ kind: "sqlite", path: ":memory:" }, 1000);
  const teams = [teamRecord(), teamRecord()] as const;
  for (const team of teams) await createAccessStore(database).insertTeam(team, keyRecord({ teamId: team.id }));
  const [endpoints, runs, store] = [createEndpointStore(database), createRunStore(database), createNotificationStore(database)];
  const seen: Seen[] = [];
  const answers: World["answers"] = new Map();
  const waiting = new Set<() => void>();
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      seen.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString("utf8") });
      for (const check of waiting) check();
      (answers.get(path) ?? ((each: ServerResponse): unknown => each.end()))(response);
    });
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const address = receiver.address();
  assert.ok(address !== null && typeof address === "object");
  let now = Date.UTC(2026, 0, 1);
  const deps: DeliveryDeps = {
    clock: { now: () => now },
    ids: createIds(),
    log: { debug() {}, info() {}, warn() {}, error() {} },
    store,
    endpoints,
    sender: createSender({ allowPrivate: true, resolve: resolveBySystem }),
    signer: createSigner(new Uint8Array(32).fill(7)),
    findRun: (id) => runs.find(id),
    outputOf: async () => ({ bytes: OUTPUT, isTruncated: false }),
    render: ({ id, status }) => ({ id, status }),
  };
  try {
    await work({
      deps,
      seen,
      answers,
      teamIds: [teams[0].id, teams[1].id],
      async saw(count) {
        const reached = Promise.withResolvers<void>();
        const check = (): void => {
          if (seen.length >= count) reached.resolve();
        };
        waiting.add(check);
        check();
        await reached.promise;
        waiting.delete(check);
      },
      pass(ms) {
        now += ms;
      },
      async endpoint(given = {}, teamId = teams[0].id) {
        const plain = endpointRecord({ teamId });
        const record = { ...plain, definition: { ...plain.definition, ...given } };
        assert.ok(await endpoints.apply(teamId, [{ kind: "put", record, fromVersion: 0 }]));
        return record;
      },
      async ended({ id: endpointId, teamId }, path, given = {}) {
        const run = runRecord({ teamId, endpointId, status: "succeeded", endedAt: now, ...given });
        const url = `http://127.0.0.1:${address.port}${path}`;
        await runs.save([{ run, output: null, notification: { runId: run.id, teamId, endpointId, url, createdAt: now } }]);
        return run;
      },
      notification: async ({ id }) => (await store.find([id])).get(id),
    });
  } finally {
    receiver.closeAllConnections();
    await new Promise((resolve) => receiver.close(resolve));
    await database.close();
  }
}

async function deliver(deliveries: Deliveries): Promise<void> {
  await deliveries.tick();
  await deliveries.settled();
}

test("delivers once: the run, its output and a signature that the endpoint's secret proves", () =>
  withWorld(async ({ deps, seen, endpoint, ended, notification }) => {
    const deliveries = new Deliveries(deps);
    const owner = await endpoint();
    const run = await ended(owner, "/hook");
    await deliver(deliveries);
    await deliver(deliveries);
    const [first] = seen;
    assert.ok(first !== undefined && seen.length === 1);
    const { headers, body } = first;
    assert.deepEqual(JSON.parse(body), {
      type: "run.ended",
      timestamp: "2026-01-01T00:00:00.000Z",
      data: { run: { id: run.id, status: "succeeded" }, output: "hello\n", output_encoding: "utf-8", output_truncated: false },
    });
    assert.equal(headers["content-type"], "application/json");
    assert.equal(headers["webhook-id"], run.id);
    assert.equal(headers["webhook-timestamp"], String(Date.UTC(2026, 0, 1) / 1000));
    const key = Buffer.from(deps.signer.secretOf(owner.id).slice("whsec_".length), "base64");
    const mac = createHmac("sha256", key).update(`${run.id}.${headers["webhook-timestamp"]}.${body}`).digest("base64");
    assert.equal(headers["webhook-signature"], `v1,${mac}`);
    const made = await notification(run);
    assert.deepEqual([made?.status, made?.attempts, made?.lastStatus, made?.claimedUntil], ["delivered", 1, 200, null]);
  }));

test("tries again from the store after each wait, also with a new server, under one id and with a fresh signature", () =>
  withWorld(async ({ deps, seen, answers, pass, endpoint, ended, notification }) => {
    let calls = 0;
    answers.set("/hook", (response) => {
      calls += 1;
      response.writeHead(calls < 3 ? 503 : 204).end();
    });
    const run = await ended(await endpoint(), "/hook");
    await deliver(new Deliveries(deps));
    const wait = (await notification(run))?.nextAttemptAt ?? 0;
    await deliver(new Deliveries(deps));
    assert.equal(seen.length, 1, "not before its time");
    pass(wait - deps.clock.now());
    await deliver(new Deliveries(deps));
    assert.equal((await notification(run))?.lastError, "It answered 503.");
    pass(60_000);
    await deliver(new Deliveries(deps));
    assert.equal((await notification(run))?.status, "delivered");
    assert.deepEqual(new Set(seen.map(({ headers }) => headers["webhook-id"])), new Set([run.id]));
    assert.equal(new Set(seen.map(({ body }) => body)).size, 1, "one body, whatever became of the attempts");
    assert.equal(new Set(seen.map(({ headers }) => headers["webhook-timestamp"])).size, 3);
  }));

test("a server that dies during an attempt leaves it to another once its claim has run out", () =>
  withWorld(async ({ deps, seen, pass, endpoint, ended, notification }) => {
    const run = await ended(await endpoint(), "/hook");
    const dying = new Deliveries({ ...deps, store: { ...deps.store, settle: () => Promise.reject(new Error("gone")) } });
    await deliver(dying);
    assert.equal(seen.length, 1);
    await deliver(new Deliveries(deps));
    assert.equal(seen.length, 1, "the claim still holds");
    pass(LEASE_MS);
    await deliver(new Deliveries(deps));
    assert.equal(seen.length, 2);
    assert.equal((await notification(run))?.status, "delivered");
  }));

test("several servers deliver each notification once between them", () =>
  withWorld(async ({ deps, seen, endpoint, ended }) => {
    const owner = await endpoint();
    for (let index = 0; index < 30; index += 1) await ended(owner, "/hook");
    const servers = [new Deliveries(deps), new Deliveries(deps), new Deliveries(deps)];
    for (let round = 0; round < 40 && seen.length < 30; round += 1) await Promise.all(servers.map(deliver));
    assert.equal(seen.length, 30);
    assert.equal(new Set(seen.map(({ headers }) => headers["webhook-id"])).size, 30);
  }));

test("a sensitive endpoint's output is not told, nor where it was sensitive when it ran or is not there any more", () =>
  withWorld(async ({ deps, seen, endpoint, ended }) => {
    const [sensitive, plain] = [await endpoint({ sensitive: true }), await endpoint()];
    await ended(sensitive, "/hook");
    await ended(plain, "/hook", { args: null });
    await ended({ ...plain, id: "ep-deleted" }, "/hook");
    await deliver(new Deliveries(deps));
    assert.equal(seen.length, 3);
    for (const { body } of seen) {
      const posted: unknown = JSON.parse(body);
      assert.ok(isObject(posted) && isObject(posted["data"]));
      assert.deepEqual(Object.keys(posted["data"]), ["run"]);
    }
  }));

test("an answer of 410 stops what else is pending for that endpoint and URL", () =>
  withWorld(async ({ deps, seen, answers, endpoint, ended, notification }) => {
    answers.set("/gone", (response) => response.writeHead(410).end());
    const [owner, other] = [await endpoint(), await endpoint()];
    const runs = [];
    for (let index = 0; index < 6; index += 1) runs.push(await ended(owner, "/gone"));
    const [elsewhere, foreign] = [await ended(owner, "/hook"), await ended(other, "/hook")];
    await deliver(new Deliveries(deps));
    for (const run of runs) assert.equal((await notification(run))?.status, "failed");
    assert.ok(seen.filter(({ path }) => path === "/gone").length <= AT_ONCE.endpoint);
    for (const run of [elsewhere, foreign]) assert.equal((await notification(run))?.status, "delivered");
  }));

test("a receiver that hangs holds up two deliveries of its own and none of others, also not with a long queue", () =>
  withWorld(async ({ deps, seen, answers, saw, endpoint, ended, notification }) => {
    const held: ServerResponse[] = [];
    answers.set("/slow", (response) => held.push(response));
    const [slow, quick] = [await endpoint(), await endpoint()];
    for (let index = 0; index < 200; index += 1) await ended(slow, "/slow");
    const settled = Promise.withResolvers<void>();
    const settle: DeliveryDeps["store"]["settle"] = (...given) => deps.store.settle(...given).finally(() => settled.resolve());
    const deliveries = new Deliveries({ ...deps, store: { ...deps.store, settle } });
    await deliveries.tick();
    await saw(AT_ONCE.endpoint);
    const run = await ended(quick, "/hook");
    await deliveries.tick();
    await settled.promise;
    assert.equal((await notification(run))?.status, "delivered");
    assert.equal(seen.filter(({ path }) => path === "/slow").length, AT_ONCE.endpoint);
    await deliveries.close();
  }));

test("a team's receivers that hang leave room for another team's", () =>
  withWorld(async ({ deps, seen, answers, saw, teamIds, endpoint, ended }) => {
    answers.set("/slow", () => {});
    for (let index = 0; index < 6; index += 1) {
      const slow = await endpoint();
      for (let count = 0; count < 3; count += 1) await ended(slow, "/slow");
    }
    const deliveries = new Deliveries(deps);
    await deliveries.tick();
    await saw(AT_ONCE.team);
    await ended(await endpoint({}, teamIds[1]), "/hook");
    await deliveries.tick();
    await saw(AT_ONCE.team + 1);
    assert.equal(seen.filter(({ path }) => path === "/slow").length, AT_ONCE.team);
    await deliveries.close();
  }));

test("goes on by itself while there is more than fits at once, and never has more than eight under way", () =>
  withWorld(async ({ deps, answers, saw, teamIds, endpoint, ended }) => {
    let [open, most] = [0, 0];
    answers.set("/hook", (response) => {
      open += 1;
      most = Math.max(most, open);
      setImmediate(() => {
        open -= 1;
        response.end();
      });
    });
    for (const teamId of teamIds)
      for (let index = 0; index < 4; index += 1) {
        const owner = await endpoint({}, teamId);
        for (let count = 0; count < 5; count += 1) await ended(owner, "/hook");
      }
    const deliveries = new Deliveries(deps);
    await deliveries.tick();
    await saw(40);
    await deliveries.settled();
    assert.ok(most <= AT_ONCE.all, `${most} at once`);
  }));

test("closing breaks off what is under way without counting it, and the next start sends it at once", () =>
  withWorld(async ({ deps, seen, answers, saw, endpoint, ended, notification }) => {
    answers.set("/hook", () => {});
    const run = await ended(await endpoint(), "/hook");
    const closing = new Deliveries(deps);
    await closing.tick();
    await saw(1);
    await closing.close();
    await closing.tick();
    const left = await notification(run);
    assert.deepEqual([left?.status, left?.attempts, left?.claimedUntil], ["pending", 0, null]);
    answers.delete("/hook");
    await deliver(new Deliveries(deps));
    assert.equal(seen.length, 2);
    assert.equal((await notification(run))?.status, "delivered");
  }));

test("a look that fails is told to its caller, and the next one delivers", () =>
  withWorld(async ({ deps, endpoint, ended, notification }) => {
    const run = await ended(await endpoint(), "/hook");
    let isDown = true;
    const listDue: DeliveryDeps["store"]["listDue"] = async (...given) => {
      if (isDown) throw new Error("gone");
      return deps.store.listDue(...given);
    };
    const deliveries = new Deliveries({ ...deps, store: { ...deps.store, listDue } });
    await assert.rejects(deliveries.tick(), /gone/);
    isDown = false;
    await deliver(deliveries);
    assert.equal((await notification(run))?.status, "delivered");
  }));

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { test } from "node:test";
import { cronSchedules } from "../cron/schedules.ts";
import { systemClock } from "../lib/node/clock.ts";
import { resolveBySystem } from "../outbound/resolve.ts";
import { createSender } from "../outbound/sender.ts";
import { createSigner } from "../outbound/signer.ts";
import { createEndpointStore } from "../store/endpoint-store.ts";
import { createNotificationStore } from "../store/notification-store.ts";
import type { RunWorld } from "../testing/run-world.ts";
import { createRunWorld, putEndpoint } from "../testing/run-world.ts";
import type { EndpointLoops } from "./endpoint-loops.ts";
import { createEndpointLoops } from "./endpoint-loops.ts";
import { Loops } from "./loops.ts";

function startLoops(world: RunWorld): EndpointLoops {
  const { clock, ids, log, hostId, store, files } = world.deps;
  const { database, principal } = world.world;
  return createEndpointLoops({
    clock,
    ids,
    log,
    loops: new Loops(log),
    hostId,
    files,
    schedules: cronSchedules,
    endpoints: createEndpointStore(database),
    runs: store,
    service: world.runs,
    notifications: createNotificationStore(database),
    sender: createSender({ allowPrivate: true, resolve: resolveBySystem }),
    signer: createSigner(new Uint8Array(32).fill(7)),
    render: ({ id, status, source, exitCode }) => ({ id, status, source, exit_code: exitCode }),
    teams: async () => [{ id: principal.teamId }],
    kept: { ms: 30 * 24 * 3600 * 1000, teamMax: 10_000, teamBytesMax: Number.MAX_SAFE_INTEGER },
  });
}

test("a schedule runs its command with the defaults of its arguments, and the end is told with the output", async () => {
  // Processes end by the machine's own clock.
  const world = await createRunWorld({ given: { clock: systemClock } });
  const told = Promise.withResolvers<unknown>();
  const receiver = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      told.resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")));
      response.end();
    });
  });
  receiver.listen(0, "127.0.0.1");
  await once(receiver, "listening");
  const address = receiver.address();
  assert.ok(address !== null && typeof address === "object");
  const endpoint = await putEndpoint(world, {
    command: "echo hello",
    args: [{ name: "whom", default: "world" }],
    schedule: "@yearly",
    notify_url: `http://127.0.0.1:${address.port}/`,
  });
  const dueAt = Math.floor(world.deps.clock.now() / 1000) * 1000;
  await createEndpointStore(world.world.database).setSchedulePaused(endpoint.id, false, dueAt);
  const alive = setInterval(() => {}, 1000);
  const loops = startLoops(world);
  const body = await told.promise;
  clearInterval(alive);
  await loops.close();
  const [run] = (
    await world.deps.store.list(endpoint.teamId, { endpoint: endpoint.name, status: null, source: null, limit: 10, cursor: null })
  ).items;
  assert.ok(run !== undefined);
  assert.deepEqual([run.status, run.source, run.dedupe], ["succeeded", "schedule", `due/${new Date(dueAt).toISOString()}`]);
  assert.deepEqual(body, {
    type: "run.ended",
    timestamp: new Date(run.endedAt ?? 0).toISOString(),
    data: {
      run: { id: run.id, status: "succeeded", source: "schedule", exit_code: 0 },
      output: "hello world\n",
      output_encoding: "utf-8",
      output_truncated: false,
    },
  });
  receiver.closeAllConnections();
  receiver.close();
  await world.close();
});

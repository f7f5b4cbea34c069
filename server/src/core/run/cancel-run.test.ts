import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule } from "../../testing/ask.ts";
import { createRunWorld, putEndpoint, requestOf } from "../../testing/run-world.ts";
import { createRunService } from "./create-run-service.ts";

test("a run whose end is told while its process is being started ends that process, and stays as it was told", async () => {
  const world = await createRunWorld();
  const endpoint = await putEndpoint(world, {});
  const create = world.deps.capsules.create.bind(world.deps.capsules);
  const opening = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const cancelled = Promise.withResolvers<string>();
  const runs = createRunService({
    ...world.deps,
    capsules: {
      ...world.deps.capsules,
      async create(...input: Parameters<typeof create>) {
        const made = await create(...input);
        const held = world.deps.live.get(made.record.id);
        if (held === undefined) return made;
        const open = held.link.open.bind(held.link);
        held.link.open = async (spec) => {
          opening.resolve();
          await goOn.promise;
          const stream = await open(spec);
          const cancel = stream.cancel.bind(stream);
          stream.cancel = (reason, graceMs) => {
            cancelled.resolve(reason);
            cancel(reason, graceMs);
          };
          return stream;
        };
        return made;
      },
    },
  });
  const handle = await runs.start(requestOf(world, endpoint, "sleep 1000"));
  await opening.promise;
  const told = await runs.cancel(world.world.principal, handle.run.id, "key-a");
  assert.deepEqual([told.status, told.startedAt], ["cancelled", null]);
  goOn.resolve();
  assert.equal(await cancelled.promise, "stopped");
  await runs.settle();
  assert.deepEqual(await world.deps.store.find(told.id), told);
  await runs.close();
  await world.close();
});

test("a run that is cancelled while its process is being found again ends that process, whose end is the run's", async () => {
  const world = await createRunWorld();
  const { id } = await createCapsule(world.world, { name: "web" });
  const held = world.deps.live.get(id);
  assert.ok(held !== undefined);
  const lost = Promise.withResolvers<() => void>();
  const open = held.link.open.bind(held.link);
  held.link.open = async (spec) => {
    const stream = await open(spec);
    const onEvent = stream.onEvent.bind(stream);
    stream.onEvent = (listener, isCopying) => {
      onEvent(listener, isCopying);
      lost.resolve(() => {
        stream.close();
        listener({ kind: "failed", code: "lost", message: "the connection broke off" });
      });
    };
    return stream;
  };
  const attaching = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  const attach = held.link.attach.bind(held.link);
  held.link.attach = async (selector, from) => {
    attaching.resolve();
    await goOn.promise;
    return attach(selector, from);
  };
  const endpoint = await putEndpoint(world, { capsule: "web", timeout: 60 });
  const handle = await world.runs.start(requestOf(world, endpoint, "sleep 1000"));
  (await lost.promise)();
  await attaching.promise;
  const cancelled = world.runs.cancel(world.world.principal, handle.run.id, "key-a");
  goOn.resolve();
  const told = await cancelled;
  assert.deepEqual([told.status, told.reason, told.error], ["cancelled", "cancelled", "The run was cancelled."]);
  assert.deepEqual(await held.link.list(), [], "nothing of it goes on in the capsule");
  await world.close();
});

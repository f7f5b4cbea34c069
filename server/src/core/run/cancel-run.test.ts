import assert from "node:assert/strict";
import { test } from "node:test";
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

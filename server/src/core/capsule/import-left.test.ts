import assert from "node:assert/strict";
import { test } from "node:test";
import { createCapsule, eventsOf } from "../../testing/ask.ts";
import type { World } from "../../testing/world.ts";
import { createWorld } from "../../testing/world.ts";
import { bySystem } from "../event/actor.ts";
import type { LogEntry, ProcessEnd } from "../ports/agent-link.ts";
import { changeState } from "./change-state.ts";
import type { CapsuleDeps } from "./deps.ts";
import { finishDestroy } from "./destroy.ts";
import { loseCapsule } from "./hold.ts";

const RUNS = `pr-${"1".repeat(25)}`;
const ENDED = `pr-${"2".repeat(25)}`;

const end: ProcessEnd = {
  kind: "exit",
  id: ENDED,
  pid: 8,
  tag: "",
  seq: 2,
  exitCode: 3,
  signal: null,
  reason: "exited",
  requested: null,
  oomKills: 0,
  durationMs: 5,
  startedAt: 1000,
  endedAt: 1005,
  stdoutBytes: 1,
  stderrBytes: 0,
  lateBytes: 0,
};

function entry(n: number, id: string, ended: ProcessEnd | null): LogEntry {
  return { n, at: 1000, process: { id, pid: 7, tag: "", cmd: "sleep", args: ["9"], startedAt: 1000 }, by: null, end: ended };
}

/** The world's dependencies as a server has them whose agent left these entries. */
function leaving(world: World, entries: readonly LogEntry[]): CapsuleDeps {
  return { ...world.deps, leftLog: async (_handle, from) => entries.filter(({ n }) => n >= from) };
}

async function told(world: World, id: string): Promise<readonly string[]> {
  const events = await eventsOf(world, id);
  return events.flatMap((event) => {
    if (event.type === "process.started") return [`started ${event.processId}`];
    return event.type === "process.ended" ? [`ended ${event.processId} ${event.data.reason}`] : [];
  });
}

test("starts and ends that only a lost agent's log knows are told once, and what it left running ends as agent_lost", async () => {
  await using world = await createWorldToClose();
  const { id } = await createCapsule(world.world);
  const deps = leaving(world.world, [entry(1, RUNS, null), entry(2, ENDED, null), entry(3, ENDED, end)]);
  await loseCapsule(deps, id, bySystem("driver"));
  await loseCapsule(deps, id, bySystem("driver"));
  assert.deepEqual(await told(world.world, id), [
    `started ${RUNS}`,
    `started ${ENDED}`,
    `ended ${ENDED} exited`,
    `ended ${RUNS} agent_lost`,
  ]);
});

test("a log that cannot be read does not keep a capsule from its end", async () => {
  await using world = await createWorldToClose();
  const { id } = await createCapsule(world.world);
  const deps: CapsuleDeps = { ...world.world.deps, leftLog: () => Promise.reject(new Error("no regular file")) };
  await loseCapsule(deps, id, bySystem("driver"));
  assert.equal((await world.world.deps.store.find(id))?.state, "error");
});

test("a capsule that is destroyed after its agent's loss tells what the log has", async () => {
  await using world = await createWorldToClose();
  const { id } = await createCapsule(world.world);
  const { live, driver } = world.world.deps;
  live.remove(id);
  await driver.stop(id);
  const deps = leaving(world.world, [entry(1, RUNS, null)]);
  await changeState(deps, id, "destroy", bySystem("recover"), { reason: "destroyed", message: null });
  await finishDestroy(deps, id);
  assert.deepEqual(await told(world.world, id), [`started ${RUNS}`, `ended ${RUNS} capsule_destroyed`]);
});

async function createWorldToClose(): Promise<AsyncDisposable & { readonly world: World }> {
  const world = await createWorld();
  return { world, [Symbol.asyncDispose]: () => world.close() };
}

import { setTimeout as sleep } from "node:timers/promises";
import { capsulePage } from "@capsuled/contract";
import { hostTraces } from "../harness/host.ts";
import { warmUp } from "../harness/warm-up.ts";
import { ask, Unanswered } from "./ask.ts";
import { Dice } from "./dice.ts";
import { auditEvents, EventFollower, newestEventId } from "./events.ts";
import { countLeftBehind } from "./left-behind.ts";
import { liveCapsule } from "./life.ts";
import { planLife } from "./plan.ts";
import { findCrashes, killServers } from "./server-under-test.ts";
import type { World } from "./world.ts";

/** Runs from this length on have readers that stall for longer than the server waits. */
const LONG_MINUTES = 5;

export interface ChaosSettings {
  readonly minutes: number;
  /** Capsules at once. */
  readonly slots: number;
  readonly dataDir: string;
}

/** The whole run against a server that listens: load and faults for the time, then the audit. */
export async function runChaos(world: World, { minutes, slots, dataDir }: ChaosSettings): Promise<void> {
  await warmUp();
  const before = hostTraces(dataDir);
  const firstEvent = await newestEventId(world);
  const follower = new EventFollower(world, firstEvent);
  follower.begin();
  const until = performance.now() + minutes * 60_000;
  const longStalls = minutes >= LONG_MINUTES ? 0.1 : 0;
  const isDone = new AbortController();
  const killing = killServers(world, new Dice(`${world.seed}/server`), isDone.signal);
  const lives = Promise.all(Array.from({ length: slots }, (_, slot) => keepSlot(world, slot, until, longStalls)));
  await Promise.race([sleep(minutes * 60_000, undefined, { signal: world.broken }).catch(() => undefined), lives]);
  isDone.abort();
  await killing;
  await lives;
  if (world.broken.aborted) throw new Unanswered("the run is broken off");
  await countLeaked(world);
  await auditEvents(world, follower, firstEvent);
  await countLeftBehind(world.ledger, dataDir, before);
  findCrashes(world);
}

/** One capsule after the other, until the time is over. */
async function keepSlot(world: World, slot: number, until: number, longStalls: number): Promise<void> {
  for (let index = 0; performance.now() < until && !world.broken.aborted; index += 1)
    await liveCapsule(world, planLife(world.seed, slot, index, longStalls));
}

/** Capsules that are still there, though all were destroyed. */
async function countLeaked(world: World): Promise<void> {
  const { body } = await ask(world, "run", "listCapsules", { query: { limit: "1000" } });
  for (const { id, status, metadata } of capsulePage.parse(body).items) {
    if (status === "stopped" && world.known.capsules.has(id)) continue;
    world.ledger.capsules.leaked += 1;
    world.ledger.find("run", "a capsule is left", { id, status, metadata });
  }
}

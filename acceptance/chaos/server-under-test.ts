import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { endServer, spawnServer, startServer } from "../harness/server-process.ts";
import type { ServerSettings } from "../harness/server-process.ts";
import { readState, writeState } from "../harness/state.ts";
import { isAlive } from "../harness/wait.ts";
import { askOnce } from "./ask.ts";
import type { Dice } from "./dice.ts";
import type { World } from "./world.ts";

const START_MS_MAX = 60_000;
const LOOK_MS = 10;

/** Kills the server again and again until `over`, now and then by SIGTERM, and starts it anew each time, at once or a moment later. */
export async function killServers(world: World, dice: Dice, over: AbortSignal): Promise<void> {
  for (let number = 1; ; number += 1) {
    const afterMs = dice.int(1500, 5000);
    const downMs = dice.chance(0.25) ? dice.size(50, 1500) : 0;
    const signal = dice.chance(0.15) ? "SIGTERM" : "SIGKILL";
    const againAfterMs = dice.list(dice.chance(0.25) ? dice.int(1, 2) : 0, () => dice.size(100, 3000));
    // On a machine that is slow at the moment a server gets time to do something before it dies.
    const upMs = Math.max(afterMs, (world.ledger.recoveriesMs.at(-1) ?? 0) / 2);
    await sleep(upMs, undefined, { signal: over }).catch(() => undefined);
    if (over.aborted || world.broken.aborted) return;
    const { pid } = readState();
    if (!isAlive(pid)) return noteCrash(world, "the server has ended by itself");
    world.log.write("server", "killed", { number, signal, downMs });
    world.ledger.fault(signal === "SIGKILL" ? "kills of the server" : "stops of the server");
    let began = performance.now();
    await endServer(pid, signal);
    if (downMs > 0) await sleep(downMs);
    for (const ms of againAfterMs) await startAndKill(world, ms);
    if (downMs > 0 || signal === "SIGTERM" || againAfterMs.length > 0) began = performance.now();
    try {
      await startAnew();
    } catch (error) {
      return noteCrash(world, `the server does not start again: ${error instanceof Error ? error.message.slice(0, 2000) : ""}`);
    }
    while (!world.broken.aborted && (await askOnce(world, "server", "listCapsules"))?.status !== 200) await sleep(LOOK_MS);
    const recoveryMs = performance.now() - began;
    world.ledger.recoveriesMs.push(recoveryMs);
    world.log.write("server", "answers", { number, recoveryMs: Math.round(recoveryMs) });
  }
}

/** A server that is killed before it listens, or just after: in the middle of looking after what the last one left. */
async function startAndKill(world: World, afterMs: number): Promise<void> {
  const { pid } = spawnServer(settings());
  if (pid === undefined) return;
  await sleep(afterMs);
  world.log.write("server", "killed at its start", { afterMs });
  world.ledger.fault("kills of a starting server");
  await endServer(pid, "SIGKILL");
}

/** Starts a server in the place of one that has ended. */
export async function startAnew(): Promise<void> {
  const server = await startServer(settings(), START_MS_MAX);
  writeState({ ...readState(), ...server });
}

function settings(): ServerSettings {
  const { dataDir, url, logFile } = readState();
  return { dataDir, port: Number(new URL(url).port), logFile };
}

function noteCrash(world: World, what: string): void {
  world.ledger.crashes.seen += 1;
  world.ledger.find("server", what);
}

/** Lines of the server's log that tell of a crash or of something nobody thought of. */
export function findCrashes(world: World): void {
  const lines = readFileSync(readState().logFile, "utf8").split("\n");
  for (const line of lines) {
    if (!/unhandled|uncaught|"level":"fatal"|internal_error|ERR_UNHANDLED|MaxListenersExceeded/i.test(line)) continue;
    noteCrash(world, line.slice(0, 1500));
  }
}

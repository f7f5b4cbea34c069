import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endpointDefinition } from "@capsuled/contract";
import type { EndpointRecord } from "../core/endpoint/record.ts";
import type { RunDeps } from "../core/run/deps.ts";
import { createRunService } from "../core/run/create-run-service.ts";
import type { Runs } from "../core/run/create-run-service.ts";
import { RUN_BEGIN } from "../core/run/output.ts";
import type { RunPosition } from "../core/run/output.ts";
import type { RunRecord } from "../core/run/record.ts";
import type { RunHandle, RunRequest } from "../core/run/service.ts";
import { createEndpointStore } from "../store/endpoint-store.ts";
import { createRunFiles } from "../store/run-files.ts";
import { createRunStore } from "../store/run-store.ts";
import { endpointRecord } from "../store/testing/records.ts";
import { mortalDatabase } from "./life.ts";
import type { World, WorldOptions } from "./world.ts";
import { createWorld } from "./world.ts";

/** Core with runs over the fake driver, a real SQLite in memory and real files. */
export interface RunWorld {
  readonly world: World;
  readonly runs: Runs;
  readonly deps: RunDeps;
  /** Starts another life of the server; the one before ends as by `kill -9`. */
  restart(options?: WorldOptions): Promise<RunWorld>;
  close(): Promise<void>;
}

export interface RunWorldOptions extends WorldOptions {
  readonly given?: Partial<RunDeps>;
}

export async function createRunWorld(options: RunWorldOptions = {}): Promise<RunWorld> {
  const directory = await mkdtemp(join(tmpdir(), "capsuled-runs-"));
  return begin(await createWorld(options), directory, options.given ?? {});
}

function begin(world: World, directory: string, given: Partial<RunDeps>): RunWorld {
  const database = mortalDatabase(world.database, world.life);
  const { sealer, clock, ids, log, hostId, live, store, processes } = world.deps;
  const deps: RunDeps = {
    store: createRunStore(database),
    files: createRunFiles(directory),
    capsules: world.capsules,
    capsuleStore: store,
    live,
    processes,
    endpoints: createEndpointStore(database),
    secretsOf: () => ({ secrets: [], envs: {} }),
    sealer,
    clock,
    ids,
    log,
    hostId,
    ...given,
  };
  const runs = createRunService(deps);
  return {
    world,
    runs,
    deps,
    async restart(options = {}) {
      world.life.die();
      await runs.close();
      const next = begin(await world.restart(options), directory, given);
      try {
        await next.runs.recover();
      } catch (error) {
        // It died in the middle of its start, and nobody gets it to end it.
        await next.runs.close();
        for (const held of next.world.deps.live.all()) next.world.deps.live.remove(held.record.id);
        throw error;
      }
      return next;
    },
    async close() {
      await runs.close();
      await world.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** An endpoint of the world's team, stored. */
export async function putEndpoint(world: RunWorld, input: Readonly<Record<string, unknown>>): Promise<EndpointRecord> {
  const { secret: _secret, envs: _envs, ...definition } = endpointDefinition.parse({ command: "true", ...input });
  const record = endpointRecord({ teamId: world.world.principal.teamId, definition });
  await createEndpointStore(world.world.database).apply(record.teamId, [{ kind: "put", record, fromVersion: 0 }]);
  return record;
}

/** What a call of `sh -c script` asks for. */
export function requestOf(world: RunWorld, endpoint: EndpointRecord, script: string, given: Partial<RunRequest> = {}): RunRequest {
  return {
    endpoint,
    invocation: { cmd: "sh", args: ["-c", script], env: {} },
    args: {},
    stdin: null,
    source: "api",
    keyId: world.world.principal.keyId,
    dedupe: null,
    mode: "wait",
    ...given,
  };
}

export interface ReadOutput {
  readonly stdout: string;
  readonly stderr: string;
  readonly gap: RunPosition;
  readonly run: RunRecord;
}

/** Reads a run to its end. */
export async function readAll(handle: RunHandle, from: RunPosition = RUN_BEGIN): Promise<ReadOutput> {
  const parts = { stdout: [] as Uint8Array[], stderr: [] as Uint8Array[] };
  const gap = { stdout: 0, stderr: 0 };
  const reader = handle.read(from);
  for (;;) {
    const item = await reader.next(10_000);
    if (item === undefined || item.kind === "idle") throw new Error("the run did not go on within 10 s");
    if (item.kind === "output") parts[item.stream].push(item.bytes.slice());
    else if (item.kind === "gap") {
      gap.stdout += item.stdoutBytes;
      gap.stderr += item.stderrBytes;
    } else return { stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString(), gap, run: item.run };
  }
}

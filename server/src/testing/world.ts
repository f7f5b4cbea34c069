import { readLeftEntries } from "../agent-link/left-entries.ts";
import { createAgentLink } from "../agent-link/link.ts";
import type { Principal } from "../core/access/principal.ts";
import { Builds } from "../core/build/builds.ts";
import { createBuildService } from "../core/build/create-build-service.ts";
import type { BuildDeps } from "../core/build/deps.ts";
import { recoverBuilds } from "../core/build/recover-builds.ts";
import type { BuildService } from "../core/build/service.ts";
import { Acts } from "../core/capsule/acts.ts";
import { createCapsuleService } from "../core/capsule/create-capsule-service.ts";
import { LiveCapsules } from "../core/capsule/live.ts";
import { recoverCapsules } from "../core/capsule/recover.ts";
import type { CapsuleService } from "../core/capsule/service.ts";
import type { Clock } from "../core/ports/clock.ts";
import type { Log } from "../core/ports/log.ts";
import { createProcessService } from "../core/process/create-process-service.ts";
import type { ProcessService } from "../core/process/service.ts";
import type { TemplateImages } from "../core/ports/images.ts";
import type { FakeDriver, FakeDriverOptions } from "../drivers/fake/driver.ts";
import { createFakeDriver } from "../drivers/fake/driver.ts";
import { FakeHost } from "../drivers/fake/host.ts";
import { createFakeTemplates } from "../drivers/fake/templates.ts";
import { createTemplateService } from "../core/template/create-template-service.ts";
import { MakingTemplates } from "../core/template/making.ts";
import type { TemplateService } from "../core/template/service.ts";
import { tendTemplates } from "../core/template/upkeep.ts";
import { createBuildStore } from "../store/build-store.ts";
import { createTemplateRows } from "../store/template-rows.ts";
import { createKeyedLock } from "../lib/keyed-lock.ts";
import { createIds } from "../lib/node/ids.ts";
import { createEventService } from "../core/event/create-event-service.ts";
import { EventSignal } from "../core/event/event-signal.ts";
import type { EventService } from "../core/event/service.ts";
import { createIdempotencyService } from "../core/idempotency/create-idempotency-service.ts";
import type { IdempotencyService } from "../core/idempotency/service.ts";
import { nodeHash } from "../lib/node/hash.ts";
import { createSeededIds } from "../lib/node/seeded-ids.ts";
import { createEventStore } from "../store/event-store.ts";
import { createIdempotencyStore } from "../store/idempotency-store.ts";
import { createProcessStore } from "../store/process-store.ts";
import { createCapsuleStore } from "../store/capsule-store.ts";
import type { Database } from "../store/database.ts";
import { createAccessStore } from "../store/access-store.ts";
import type { EventStore } from "../core/event/store.ts";
import type { Death } from "./life.ts";
import { Life, mortalDatabase, mortalDriver, ServerDied } from "./life.ts";
import { openDatabase } from "../store/open.ts";
import { createSealer } from "../store/sealer.ts";

/** A clock that tests move. */
export class TestClock implements Clock {
  #now = Date.UTC(2026, 10, 1);
  now(): number {
    return this.#now;
  }
  advance(ms: number): void {
    this.#now += ms;
  }
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Core over the fake driver and a real SQLite in memory: the server without HTTP. */
export interface World {
  readonly capsules: CapsuleService;
  readonly processes: ProcessService;
  readonly events: EventService;
  readonly idempotency: IdempotencyService;
  readonly eventStore: EventStore;
  readonly life: Life;
  /** What every life of the server works on. */
  readonly database: Database;
  readonly deps: BuildDeps;
  readonly builds: BuildService;
  /** The builds that this life of the server has under way. */
  readonly underWay: Builds;
  readonly templates: TemplateService;
  readonly driver: FakeDriver;
  readonly host: FakeHost;
  readonly clock: TestClock;
  /** An admin of a team of its own. */
  readonly principal: Principal;
  /** Ends this server as `kill -9` does, and starts another on the same host and database. */
  restart(options?: WorldOptions): Promise<World>;
  close(): Promise<void>;
}

export interface WorldOptions extends Omit<FakeDriverOptions, "host"> {
  /** When this life of the server ends by itself; the next one has none unless it is said again. */
  readonly death?: Death;
  /** Where builds have images from; they have none when left out. */
  readonly images?: (driver: FakeDriver) => TemplateImages;
}

export async function createWorld(options: WorldOptions = {}): Promise<World> {
  const clock = new TestClock();
  const database = await openDatabase({ kind: "sqlite", path: ":memory:" }, clock.now());
  const ids = createIds();
  const principal: Principal = { keyId: ids.next("key"), teamId: ids.next("team"), role: "admin", isFirstTeam: true };
  await createAccessStore(database).insertTeam(
    { id: principal.teamId, name: "Testers", slug: "testers", isFirst: true, createdAt: clock.now() },
    {
      id: principal.keyId,
      teamId: principal.teamId,
      name: "key",
      role: "admin",
      hash: "0".repeat(64),
      prefix: "wrn_000000",
      createdAt: clock.now(),
      lastUsedAt: null,
    },
  );
  return start({ database, clock, principal, host: new FakeHost(), options });
}

interface Ground {
  readonly database: Database;
  readonly clock: TestClock;
  readonly principal: Principal;
  readonly host: FakeHost;
  readonly options: WorldOptions;
}

function start(ground: Ground): World {
  const life = new Life(ground.options.death ?? null);
  const driver = mortalDriver(createFakeDriver({ ...ground.options, host: ground.host }), life);
  const database = mortalDatabase(ground.database, life);
  const signal = new EventSignal();
  const onEvents = (teamId: string): void => signal.signal(teamId);
  const eventStore = createEventStore(database);
  const ids = createIds();
  const deps: BuildDeps = {
    builds: createBuildStore(database),
    buildSignal: new EventSignal(),
    hash: nodeHash,
    unpackings: createKeyedLock({ waitersMax: 8 }),
    templateCacheMb: 1000,
    images: ground.options.images?.(driver) ?? null,
    imageUploads: null,
    store: createCapsuleStore(database, onEvents),
    processes: createProcessStore(database, onEvents),
    driver,
    templates: createFakeTemplates(),
    teamTemplates: createTemplateRows(database),
    templateLimits: { teamTemplatesMax: 100, teamTemplatesMb: 1000 },
    makingTemplates: new MakingTemplates(),
    live: new LiveCapsules(),
    acts: new Acts(),
    leftLog: async (handle, from) => readLeftEntries(await driver.leftLog(handle, from)),
    connect: (id, secret, handle) => createAgentLink(id, secret, () => driver.openAgent(handle)),
    sealer: createSealer(new Uint8Array(32)),
    clock: ground.clock,
    ids,
    log: silent,
    hostId: "host-000000000000000000000000",
    limits: { pidsMax: 512, teamCapsulesMax: 0, hostCores: 4, hostMemoryMb: 8192 },
  };
  const underWay = new Builds(deps);
  const leave = async (): Promise<void> => {
    await underWay.close();
    await deps.acts.settled();
    for (const live of deps.live.all()) deps.live.remove(live.record.id);
    await driver.close();
  };
  const idempotency = createIdempotencyService({
    store: createIdempotencyStore(database),
    sealer: deps.sealer,
    clock: ground.clock,
    ids,
    seededIds: createSeededIds,
    hash: nodeHash,
    log: silent,
    holder: `${deps.hostId}/${ids.hex(8)}`,
  });
  return {
    capsules: createCapsuleService(deps),
    templates: createTemplateService(deps),
    builds: createBuildService(deps, underWay),
    underWay,
    events: createEventService({ store: eventStore, signal }),
    idempotency,
    eventStore,
    life,
    database: ground.database,
    processes: createProcessService({
      ...deps,
      idempotency,
      metrics: { execEnded() {} },
      outputBytesMax: 16 * 1024 * 1024,
    }),
    deps,
    driver,
    host: ground.host,
    clock: ground.clock,
    principal: ground.principal,
    async restart(options = withoutDeath(ground.options)) {
      await leave();
      const world = start({ ...ground, options });
      await recoverCapsules(world.deps);
      await recoverBuilds(world.deps, world.underWay).catch(unlessDead);
      await tendTemplates(world.deps).catch(unlessDead);
      await world.deps.acts.settled();
      return world;
    },
    async close() {
      await leave();
      ground.host.close();
      await ground.database.close();
    },
  };
}

/** A server that dies while it clears away has at least recovered. */
function unlessDead(error: unknown): void {
  if (!(error instanceof ServerDied)) throw error;
}

function withoutDeath({ death: _death, ...options }: WorldOptions): WorldOptions {
  return options;
}

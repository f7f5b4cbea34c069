import { join } from "node:path";
import { readLeftEntries } from "./agent-link/left-entries.ts";
import { createAgentLink } from "./agent-link/link.ts";
import type { Config } from "./config/schema.ts";
import { createAccessService } from "./core/access/create-access-service.ts";
import { Acts } from "./core/capsule/acts.ts";
import { createCapsuleService } from "./core/capsule/create-capsule-service.ts";
import type { CapsuleDeps } from "./core/capsule/deps.ts";
import { expireIdle } from "./core/capsule/expire.ts";
import { flushActivity } from "./core/capsule/flush-activity.ts";
import { LiveCapsules } from "./core/capsule/live.ts";
import { Reconciler } from "./core/capsule/reconcile.ts";
import { recoverCapsules } from "./core/capsule/recover.ts";
import type { CapsuleUpkeep } from "./core/capsule/upkeep.ts";
import { createEventService } from "./core/event/create-event-service.ts";
import { EventSignal, LOOK_MS } from "./core/event/event-signal.ts";
import type { RetainDeps } from "./core/event/retain.ts";
import { removeOld } from "./core/event/retain.ts";
import type { EventStore } from "./core/event/store.ts";
import { createFileService } from "./core/file/create-file-service.ts";
import { createIdempotencyService } from "./core/idempotency/create-idempotency-service.ts";
import type { UsageMeter } from "./core/metrics/meter.ts";
import type { Log } from "./core/ports/log.ts";
import { createPortService } from "./core/port/create-port-service.ts";
import { createProcessService } from "./core/process/create-process-service.ts";
import { createDriver } from "./driver.ts";
import { createEndpoints } from "./endpoints.ts";
import { bootId, hostFacts } from "./host-facts.ts";
import { createImageParts } from "./images.ts";
import { createHttpServer } from "./http/app.ts";
import type { HttpConfig } from "./http/deps.ts";
import type { ActivityBuffer } from "./lib/activity-buffer.ts";
import { createActivityBuffer } from "./lib/activity-buffer.ts";
import { systemClock } from "./lib/node/clock.ts";
import { nodeHash } from "./lib/node/hash.ts";
import { nodeHmac } from "./lib/node/hmac.ts";
import { createIds } from "./lib/node/ids.ts";
import { createSeededIds } from "./lib/node/seeded-ids.ts";
import type { Shutdown } from "./lib/node/shutdown.ts";
import { createShutdown } from "./lib/node/shutdown.ts";
import type { Loop } from "./loops/loop.ts";
import { Loops } from "./loops/loops.ts";
import { listening, requireAddress, requireHost, requireOwnDatabase, requireTemplate } from "./start-up.ts";
import { createAccessStore } from "./store/access-store.ts";
import { adminKeyPath, removeAdminKey, writeAdminKey } from "./store/admin-key-file.ts";
import { createCapsuleStore } from "./store/capsule-store.ts";
import { lockDataDir } from "./store/data-dir-lock.ts";
import { ensureDataDir } from "./store/data-dir.ts";
import { createEventStore } from "./store/event-store.ts";
import { createIdempotencyStore } from "./store/idempotency-store.ts";
import { openInstallation } from "./store/installation.ts";
import type { DatabaseLocation } from "./store/open.ts";
import { openDatabase } from "./store/open.ts";
import { skipLostEventIds } from "./store/event-id-gap.ts";
import { createProcessStore } from "./store/process-store.ts";
import { createSealer, loadSealingKey } from "./store/sealer.ts";
import { removeServerAddress, writeServerAddress } from "./store/server-address-file.ts";
import { createTemplateRows } from "./store/template-rows.ts";
import { createUsage } from "./usage.ts";
import { createTemplates } from "./templates.ts";
import { createMetrics } from "./telemetry/metrics.ts";

/** Milliseconds between two ticks. */
const EVERY = { expire: 1000, flush: 5000, reconcile: 30_000, retain: 3_600_000, removeOld: 60_000 } as const;
/** Milliseconds for which a destroyed capsule's row answers `GET`. */
const DESTROYED_KEPT_MS = 7 * 24 * 3600 * 1000;
const RETAIN_BATCH = 1000;
const KEY_USES = { entriesMax: 10_000, batchMax: 500 } as const;

export interface Server {
  readonly url: string;
  readonly adminKeyPath: string;
  /** Stops taking requests, lets those under way end for `shutdownMs`, and leaves capsules running. */
  close(): Promise<void>;
}

export interface ServerOptions {
  readonly config: Config;
  readonly version: string;
  readonly log: Log;
  /** Gets lines for people while the start takes long. */
  readonly say: (line: string) => void;
  /** Variables that template builds get: the proxies of this host. */
  readonly buildEnv: Readonly<Record<string, string>>;
}

/** Builds the whole server, top to bottom. */
export async function startServer(options: ServerOptions): Promise<Server> {
  const { config, version, log, say } = options;
  const shutdown = createShutdown();
  const close = async (): Promise<void> => {
    for (const { name, outcome, error } of await shutdown.run(config.shutdownMs + 5000)) {
      if (outcome !== "closed") log.warn({ part: name, outcome, error }, "a part of the server did not close well");
    }
  };
  try {
    const clock = systemClock;
    const ids = createIds();
    await ensureDataDir(config.dataDir);
    const lock = lockDataDir(config.dataDir);
    shutdown.defer("lock", () => lock.release());
    const sealing = await loadSealingKey(join(config.dataDir, "secret.key"));
    const sealer = createSealer(sealing.key);
    const installation = await openInstallation(config.dataDir, sealing.fingerprint, ids);

    const { driver, templates } = createDriver(config, installation.installationId, options.buildEnv, log);
    shutdown.defer("driver", () => driver.close());
    await requireHost(driver);
    await requireAddress(config);

    const database = await openDatabase(databaseOf(config, log), clock.now());
    shutdown.defer("database", () => database.close());
    await skipLostEventIds(database, bootId());
    const signal = new EventSignal();
    const onEvents = (teamId: string): void => signal.signal(teamId);
    const store = createCapsuleStore(database, onEvents);
    const processStore = createProcessStore(database, onEvents);
    const eventStore = createEventStore(database);
    const idempotencyStore = createIdempotencyStore(database);
    const accessStore = createAccessStore(database);

    const keyUse = createActivityBuffer({
      ...KEY_USES,
      flush: (entries) => accessStore.recordKeyUse(entries.map(({ id, at }) => ({ id, lastUsedAt: at }))),
    });
    const access = createAccessService({ store: accessStore, clock, ids, hash: nodeHash, keyUse });
    await requireOwnDatabase(driver, () => accessStore.countTeams());
    await ensureFirstTeam(access, config.dataDir);

    const [first, ...others] = config.templates;
    if (first !== undefined) await requireTemplate(templates, first, say);

    const deps: CapsuleDeps = {
      store,
      processes: processStore,
      driver,
      templates,
      teamTemplates: createTemplateRows(database),
      live: new LiveCapsules(),
      acts: new Acts(),
      leftLog: async (handle, from) => readLeftEntries(await driver.leftLog(handle, from)),
      connect: (id, secret, handle) => createAgentLink(id, secret, () => driver.openAgent(handle)),
      sealer,
      clock,
      ids,
      log,
      hostId: installation.hostId,
      limits: { pidsMax: config.pidsMax, teamCapsulesMax: config.teamCapsulesMax, ...hostFacts() },
    };
    const loops = new Loops(log);
    const usage = await createUsage(deps, database, shutdown, loops);
    deferEnds(shutdown, deps, keyUse, usage.meter);
    await lookAfterEarlier(deps);

    const metrics = createMetrics({
      countCapsules: () => store.countByState(installation.hostId),
      loopsStanding: () => loops.standing.length,
    });
    const idempotency = createIdempotencyService({
      store: idempotencyStore,
      sealer,
      clock,
      ids,
      seededIds: createSeededIds,
      hash: nodeHash,
      log,
      holder: `${installation.hostId}/${ids.hex(8)}`,
    });
    const capsules = createCapsuleService(deps);
    const around = { config, database, accessStore, deps, capsules, sealingKey: sealing.key, shutdown, loops };
    const { startLoops: startEndpointLoops, ...endpointParts } = await createEndpoints(around);
    const imageParts = await createImageParts(deps, config, shutdown, loops);
    const http = createHttpServer({
      ...endpointParts,
      hmac: nodeHmac,
      clock,
      events: createEventService({ store: eventStore, signal }),
      idempotency,
      capsules,
      usage: usage.service,
      ...(await createTemplates(deps, database, config, imageParts, shutdown, loops)),
      archives: imageParts.archives,
      processes: createProcessService({ ...deps, idempotency, metrics, outputBytesMax: config.outputBytesMax }),
      files: createFileService(deps),
      ports: createPortService({ ...deps, hmac: nodeHmac, tokenKey: portTokenKey(sealing.key) }),
      access,
      metrics,
      health: async () => health(() => accessStore.countTeams(), loops),
      config: httpConfig(config, version),
      ids,
      log,
    });
    await listening(http, config);
    shutdown.defer("http", () => http.close(config.shutdownMs));
    shutdown.defer("address", () => removeServerAddress(config.dataDir));
    await writeServerAddress(config.dataDir, http.url);

    const teams = () => accessStore.listTeams(null);
    const old: RetainDeps = { clock, events: eventStore, processes: processStore, idempotency: idempotencyStore, teams };
    for (const loop of startLoops(loops, deps, { keyUse, capsuleRows: store, events: eventStore, signal, old }))
      shutdown.defer("loop", () => loop.close());
    startEndpointLoops();
    const ending = new AbortController();
    shutdown.defer("builds of templates", () => ending.abort());
    // Who has none built at the start has none built anew either.
    if (first !== undefined) void buildOthers(others, templates, log, ending.signal);
    return { url: http.url, adminKeyPath: adminKeyPath(config.dataDir), close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** What is to be done before the database closes, last things first. */
function deferEnds(shutdown: Shutdown, deps: CapsuleDeps, keyUse: ActivityBuffer, meter: UsageMeter): void {
  shutdown.defer("links to capsules", () => {
    for (const live of deps.live.all()) deps.live.remove(live.record.id);
  });
  shutdown.defer("last activity", async () => {
    await flushActivity(deps);
    await keyUse.tick();
    await meter.count();
  });
  shutdown.defer("changes of capsules under way", () => deps.acts.settled());
}

async function lookAfterEarlier(deps: CapsuleDeps): Promise<void> {
  const recovered = await recoverCapsules(deps);
  if (recovered > 0) deps.log.info({ capsules: recovered }, "capsules of an earlier start were looked after");
}

/** Links to ports are signed with a key that is good for nothing else. */
function portTokenKey(sealingKey: Uint8Array): Uint8Array {
  return nodeHmac.sha256(sealingKey, [new TextEncoder().encode("links to ports of capsules")]);
}

function httpConfig(config: Config, version: string): HttpConfig {
  const { host, port, corsOrigins, portDomains, metricsPublic, logLevel, callRate, publicCallRate, outputBytesMax } = config;
  return {
    host,
    port,
    version,
    corsOrigins,
    portDomains,
    metricsPublic,
    logRequests: logLevel === "debug",
    callRate,
    publicCallRate,
    outputBytesMax,
  };
}

function databaseOf(config: Config, log: Log): DatabaseLocation {
  if (config.databaseUrl === null) return { kind: "sqlite", path: join(config.dataDir, "capsuled.db") };
  return {
    kind: "postgres",
    url: config.databaseUrl,
    onIdleError: (error) => log.warn({ error }, "an idle connection to the database failed"),
  };
}

interface LoopParts {
  readonly keyUse: ActivityBuffer;
  readonly capsuleRows: Pick<CapsuleUpkeep, "removeDestroyed">;
  readonly events: Pick<EventStore, "latestId">;
  readonly signal: EventSignal;
  readonly old: RetainDeps;
}

/** What the server does by itself, beside what belongs to runs, templates, images and usage. */
function startLoops(loops: Loops, deps: CapsuleDeps, { keyUse, capsuleRows, events, signal, old }: LoopParts): readonly Loop[] {
  const reconciler = new Reconciler(deps);
  const forgetDestroyed = () => capsuleRows.removeDestroyed(deps.clock.now() - DESTROYED_KEPT_MS, RETAIN_BATCH);
  return [
    loops.start({ name: "expire", everyMs: EVERY.expire, tick: () => expireIdle(deps) }),
    loops.start({ name: "flush", everyMs: EVERY.flush, tick: () => Promise.all([flushActivity(deps), keyUse.tick()]) }),
    loops.start({ name: "reconcile", everyMs: EVERY.reconcile, tick: () => reconciler.tick() }),
    loops.start({ name: "retain", everyMs: EVERY.retain, tick: forgetDestroyed }),
    loops.start({ name: "remove old rows", everyMs: EVERY.removeOld, tick: () => removeOld(old) }),
    loops.start({ name: "look for events", everyMs: LOOK_MS, tick: () => signal.look(() => events.latestId()) }),
  ];
}

async function ensureFirstTeam(access: ReturnType<typeof createAccessService>, dataDir: string): Promise<void> {
  let saved = false;
  const made = await access.ensureFirstTeam(async (text) => {
    saved = true;
    await writeAdminKey(dataDir, text);
  });
  if (saved && made === undefined) await removeAdminKey(dataDir);
}

async function health(
  askDatabase: () => Promise<unknown>,
  loops: Pick<Loops, "standing">,
): Promise<{ status: "ok" | "unavailable"; checks: Record<string, "ok" | "failing"> }> {
  // A loop that stands still keeps no request from being answered.
  const checks = { loops: loops.standing.length === 0 ? "ok" : "failing" } as const;
  try {
    await askDatabase();
    return { status: "ok", checks: { database: "ok", ...checks } };
  } catch {
    return { status: "unavailable", checks: { database: "failing", ...checks } };
  }
}

/**
 * Templates beyond the first are built while the server already works, and then those that were built on demand and whose recipes have
 * changed since. None is begun once the server ends.
 */
async function buildOthers(
  names: readonly string[],
  templates: Parameters<typeof requireTemplate>[0],
  log: Log,
  ending: AbortSignal,
): Promise<void> {
  const outdated = await templates.outdated().catch((error: unknown) => {
    log.error({ error }, "the templates' recipes could not be looked at");
    return [];
  });
  for (const name of new Set([...names, ...outdated])) {
    if (ending.aborted) return;
    try {
      await requireTemplate(templates, name, (line) => log.info({ template: name }, line));
    } catch (error) {
      log.error({ template: name, error }, "a template could not be built");
    }
  }
}

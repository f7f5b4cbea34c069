import type { Config } from "./config/schema.ts";
import { createTeamDirectory } from "./core/access/team-directory.ts";
import type { TeamDirectory } from "./core/access/team-directory.ts";
import type { AccessStore } from "./core/access/store.ts";
import type { CapsuleDeps } from "./core/capsule/deps.ts";
import type { CapsuleService } from "./core/capsule/service.ts";
import { createEndpointService } from "./core/endpoint/create-endpoint-service.ts";
import type { EndpointService } from "./core/endpoint/service.ts";
import type { TransformRunner } from "./core/endpoint/transform.ts";
import type { NotificationStore } from "./core/notification/store.ts";
import type { NotificationSigner } from "./core/ports/notification-signer.ts";
import type { Runs } from "./core/run/create-run-service.ts";
import { createRunService, SWEEP_MS } from "./core/run/create-run-service.ts";
import { resolveDocumented } from "./core/template/resolve.ts";
import { cronSchedules } from "./cron/schedules.ts";
import { renderRun } from "./http/render/run.ts";
import type { Shutdown } from "./lib/node/shutdown.ts";
import { createEndpointLoops } from "./loops/endpoint-loops.ts";
import type { Loops } from "./loops/loops.ts";
import { resolveByQuestions, resolveBySystem } from "./outbound/resolve.ts";
import { createSender } from "./outbound/sender.ts";
import { createSigner } from "./outbound/signer.ts";
import type { Database } from "./store/database.ts";
import { createEndpointStore } from "./store/endpoint-store.ts";
import { createNotificationStore } from "./store/notification-store.ts";
import { createRunFiles } from "./store/run-files.ts";
import { createRunStore } from "./store/run-store.ts";
import { createDefinitionFiles } from "./workers/definition-files.ts";
import { WORKER_LIMITS } from "./workers/limits.ts";
import { ThreadPool } from "./workers/thread-pool.ts";
import { createTransformRunner } from "./workers/transform-runner.ts";

const DAY_MS = 24 * 3600 * 1000;
const MIB = 1024 * 1024;

/** Published commands and their runs, put together. */
export interface EndpointParts {
  readonly endpoints: EndpointService;
  readonly runs: Runs;
  readonly transforms: TransformRunner;
  readonly notifications: NotificationStore;
  readonly signer: NotificationSigner;
  readonly teams: TeamDirectory;
  /** Starts schedules, notifications and retention. */
  startLoops(): void;
}

export interface EndpointSurroundings {
  readonly config: Config;
  readonly database: Database;
  readonly accessStore: AccessStore;
  readonly deps: CapsuleDeps;
  readonly capsules: CapsuleService;
  readonly sealingKey: Uint8Array;
  readonly shutdown: Shutdown;
  readonly loops: Loops;
}

/** Builds what endpoints need, once capsules are recovered, and goes on with the runs that an earlier start left. */
export async function createEndpoints(around: EndpointSurroundings): Promise<EndpointParts> {
  const { config, database, accessStore, deps, capsules, sealingKey, shutdown, loops } = around;
  const { clock, ids, log, sealer, hostId } = deps;
  const transformThreads = new ThreadPool({ jobMsMax: WORKER_LIMITS.transformMsMax });
  const fileThreads = new ThreadPool({ jobMsMax: WORKER_LIMITS.fileMsMax });
  for (const threads of [transformThreads, fileThreads]) shutdown.defer("threads", () => threads.close());
  const transforms = createTransformRunner(transformThreads);
  const endpointStore = createEndpointStore(database);
  const runStore = createRunStore(database);
  const files = createRunFiles(config.dataDir);
  const notifications = createNotificationStore(database);
  const signer = createSigner(sealingKey);

  const endpoints = createEndpointService({
    store: endpointStore,
    clock,
    ids,
    sealer,
    schedules: cronSchedules,
    templates: { isThere: async (teamId, name) => (await resolveDocumented(deps, teamId, name)) !== undefined },
    transforms,
    capsules: {
      has: async (teamId, id) => {
        const capsule = await deps.store.find(id);
        return capsule?.teamId === teamId && capsule.state !== "destroyed";
      },
    },
    files: createDefinitionFiles(fileThreads),
    limits: { teamEndpointsMax: config.teamEndpointsMax, timeoutSecMax: config.endpointTimeoutMax },
  });
  const runs = createRunService({
    store: runStore,
    files,
    capsules,
    capsuleStore: deps.store,
    live: deps.live,
    processes: deps.processes,
    endpoints: endpointStore,
    secretsOf: (record) => endpoints.secretsOf(record),
    sealer,
    clock,
    ids,
    log,
    hostId,
  });
  shutdown.defer("runs", () => runs.close());
  const recovered = await runs.recover();
  if (recovered > 0) log.info({ runs: recovered }, "runs of an earlier start were looked after");

  const startLoops = (): void => {
    const sweep = loops.start({ name: "sweep runs' capsules", everyMs: SWEEP_MS, tick: () => runs.sweep() });
    shutdown.defer("loop", () => sweep.close());
    const endpointLoops = createEndpointLoops({
      clock,
      ids,
      log,
      loops,
      hostId,
      schedules: cronSchedules,
      endpoints: endpointStore,
      runs: runStore,
      service: runs,
      files,
      notifications,
      sender: createSender({ allowPrivate: config.notifyPrivate, resolve: config.notifyPrivate ? resolveBySystem : resolveByQuestions }),
      signer,
      // Without what became of the notification, so that every attempt at it has one body.
      render: (run) => renderRun(run, null),
      teams: () => accessStore.listTeams(null),
      kept: { ms: config.runDays * DAY_MS, teamMax: config.teamRunsMax, teamBytesMax: config.teamRunsMb * MIB },
    });
    shutdown.defer("loops of endpoints", () => endpointLoops.close());
  };
  const teams = createTeamDirectory({ clock, access: accessStore, endpoints: endpointStore });
  return { endpoints, runs, transforms, notifications, signer, teams, startLoops };
}

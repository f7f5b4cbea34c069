import { buildInvocation } from "../core/endpoint/build-invocation.ts";
import { readArguments } from "../core/endpoint/arguments.ts";
import type { EndpointStore } from "../core/endpoint/store.ts";
import type { OutputHead } from "../core/notification/body.ts";
import type { DeliveryDeps } from "../core/notification/deliveries.ts";
import { Deliveries } from "../core/notification/deliveries.ts";
import type { NotificationStore } from "../core/notification/store.ts";
import type { Clock, Ids } from "../core/ports/clock.ts";
import type { Log } from "../core/ports/log.ts";
import type { NotificationSender } from "../core/ports/notification-sender.ts";
import type { NotificationSigner } from "../core/ports/notification-signer.ts";
import type { RunFiles } from "../core/ports/run-files.ts";
import type { Schedules } from "../core/ports/schedule.ts";
import type { RunRecord } from "../core/run/record.ts";
import type { RetainRunsDeps } from "../core/run/retain.ts";
import { removeOldRuns, RunFileSweep } from "../core/run/retain.ts";
import type { RunService } from "../core/run/service.ts";
import type { RunStore } from "../core/run/store.ts";
import type { RunUpkeep } from "../core/run/upkeep.ts";
import { runDue } from "../core/schedule/run-due.ts";
import type { Loops } from "./loops.ts";

/** Milliseconds between two ticks; schedules are looked at at each whole second. */
const EVERY = { schedule: 1000, notify: 1000, retain: 60_000, sweep: 600_000 } as const;

export interface EndpointLoopDeps {
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly loops: Loops;
  readonly hostId: string;
  readonly schedules: Schedules;
  readonly endpoints: Pick<EndpointStore, "get" | "listDue" | "claimDue">;
  readonly runs: RunStore & RunUpkeep;
  readonly service: Pick<RunService, "start" | "find" | "collect">;
  readonly files: RunFiles;
  readonly notifications: NotificationStore;
  readonly sender: NotificationSender;
  readonly signer: NotificationSigner;
  /** A run in the API's form. */
  readonly render: DeliveryDeps["render"];
  readonly teams: RetainRunsDeps["teams"];
  readonly kept: RetainRunsDeps["kept"];
}

export interface EndpointLoops {
  /** Ends them all. Notifications under way are broken off and sent by the next start. */
  close(): Promise<void>;
}

/** Starts what endpoints do by themselves: schedules, notifications, and the end of what is kept too long. */
export function createEndpointLoops(deps: EndpointLoopDeps): EndpointLoops {
  const { clock, loops: all, runs, files } = deps;
  const deliveries = new Deliveries({
    ...deps,
    store: deps.notifications,
    findRun: (id) => runs.find(id),
    outputOf: (run, bytesMax) => outputHead(deps.service, run, bytesMax),
  });
  const sweep = new RunFileSweep({ runs, files });
  const schedule = (): Promise<number> =>
    runDue({
      ...deps,
      prepare({ definition }) {
        const args = readArguments(definition, {});
        return { args, invocation: buildInvocation(definition, args) };
      },
    });
  const loops = [
    all.start({ name: "schedules", everyMs: () => EVERY.schedule - (clock.now() % EVERY.schedule), tick: schedule }),
    all.start({ name: "notifications", everyMs: EVERY.notify, tick: () => deliveries.tick() }),
    all.start({ name: "remove old runs", everyMs: EVERY.retain, tick: () => removeOldRuns(deps) }),
    all.start({ name: "sweep files of runs", everyMs: EVERY.sweep, tick: () => sweep.tick() }),
  ];
  return {
    async close() {
      await Promise.all([...loops.map((loop) => loop.close()), deliveries.close()]);
    },
  };
}

async function outputHead(service: EndpointLoopDeps["service"], run: RunRecord, bytesMax: number): Promise<OutputHead | null> {
  const handle = await service.find(run.endpointId, run.id);
  if (handle === undefined) return null;
  const { output } = await service.collect(handle, "both", bytesMax);
  return { bytes: output.bytes, isTruncated: output.isTruncated || output.hasGap };
}

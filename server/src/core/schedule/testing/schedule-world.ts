import assert from "node:assert/strict";
import { cronSchedules } from "../../../cron/schedules.ts";
import { createIds } from "../../../lib/node/ids.ts";
import { createAccessStore } from "../../../store/access-store.ts";
import type { Database } from "../../../store/database.ts";
import { createEndpointStore } from "../../../store/endpoint-store.ts";
import { createNotificationStore } from "../../../store/notification-store.ts";
import { openDatabase } from "../../../store/open.ts";
import { createRunStore } from "../../../store/run-store.ts";
import { endpointRecord, keyRecord, runRecord, teamRecord } from "../../../store/testing/records.ts";
import type { Life } from "../../../testing/life.ts";
import { mortalDatabase } from "../../../testing/life.ts";
import type { EndpointRecord } from "../../endpoint/record.ts";
import type { RunRecord } from "../../run/record.ts";
import type { RunRequest } from "../../run/service.ts";
import type { ScheduleDeps } from "../run-due.ts";

export const NOON = Date.UTC(2026, 0, 1, 12);

export interface ScheduleWorld {
  readonly deps: ScheduleDeps;
  /** What a server with another life works with. */
  mortal(life: Life): ScheduleDeps;
  readonly notifications: ReturnType<typeof createNotificationStore>;
  /** Starts that reached the service, also those that it refused. */
  readonly started: RunRequest[];
  at(now: number): void;
  /** What the service does instead of starting. */
  refuse(error: Error | null): void;
  endpoint(schedule: string, nextRunAt: number, given?: Partial<EndpointRecord["definition"]>): Promise<EndpointRecord>;
  nextRunAt(endpoint: EndpointRecord): Promise<number | null | undefined>;
  /** Runs of the endpoint, the first time first, as `<status> <reason> <time>`. */
  runs(endpoint: EndpointRecord): Promise<readonly string[]>;
  end(endpoint: EndpointRecord): Promise<void>;
}

/** The scheduler on a real store, with a clock that is moved by hand and a service that only stores what it starts. */
export async function withScheduleWorld(work: (world: ScheduleWorld) => Promise<void>): Promise<void> {
  const database: Database = await openDatabase({ kind: "sqlite", path: ":memory:" }, 1000);
  const team = teamRecord();
  await createAccessStore(database).insertTeam(team, keyRecord({ teamId: team.id }));
  const [endpoints, runs] = [createEndpointStore(database), createRunStore(database)];
  const started: RunRequest[] = [];
  let now = NOON;
  let refusal: Error | null = null;
  const list = async (name: string): Promise<readonly RunRecord[]> =>
    (await runs.list(team.id, { endpoint: name, status: null, source: "schedule", limit: 1000, cursor: null })).items.toReversed();
  const depsOf = (mine: Database): ScheduleDeps => {
    const store = createRunStore(mine);
    return {
      clock: { now: () => now },
      ids: createIds(),
      log: { debug() {}, info() {}, warn() {}, error() {} },
      hostId: "host-1",
      schedules: cronSchedules,
      endpoints: createEndpointStore(mine),
      runs: store,
      service: {
        async start(request) {
          started.push(request);
          if (refusal !== null) throw refusal;
          const { endpoint, dedupe, source } = request;
          const run = runRecord({
            teamId: team.id,
            endpointId: endpoint.id,
            endpointName: endpoint.name,
            source,
            dedupe: dedupe?.name ?? null,
            createdAt: now,
          });
          const holder = (await store.insert([{ run, input: null }])).get(run.id);
          const read = (): never => assert.fail("nobody reads");
          return { run: holder ?? run, isNew: holder === undefined, read, isCounted: true, ended: new Promise(() => {}) };
        },
      },
      prepare: () => ({ args: {}, invocation: { cmd: "true", args: [], env: {} } }),
    };
  };
  try {
    await work({
      deps: depsOf(database),
      mortal: (life) => depsOf(mortalDatabase(database, life)),
      notifications: createNotificationStore(database),
      started,
      at(time) {
        now = time;
      },
      refuse(error) {
        refusal = error;
      },
      async endpoint(schedule, nextRunAt, given = {}) {
        const plain = endpointRecord({ teamId: team.id, nextRunAt });
        const record = { ...plain, definition: { ...plain.definition, schedule, ...given } };
        assert.ok(await endpoints.apply(team.id, [{ kind: "put", record, fromVersion: 0 }]));
        return record;
      },
      nextRunAt: async ({ id }) => (await endpoints.get(id))?.nextRunAt,
      runs: async ({ name }) =>
        (await list(name)).map(
          (run) => `${run.status} ${run.reason ?? "-"} ${run.dedupe?.replace("due/2026-01-", "").replace(":00.000Z", "")}`,
        ),
      async end({ name }) {
        for (const run of await list(name))
          if (run.endedAt === null) await runs.save([{ run: { ...run, status: "succeeded", endedAt: now }, output: null }]);
      },
    });
  } finally {
    await database.close();
  }
}

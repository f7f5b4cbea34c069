import assert from "node:assert/strict";
import test, { after } from "node:test";
import fc from "fast-check";
import { capsuleRecord, keyRecord, teamRecord } from "../../store/testing/records.ts";
import { createAccessStore } from "../../store/access-store.ts";
import type { Database } from "../../store/database.ts";
import { openDatabase } from "../../store/open.ts";
import { createUsageStore } from "../../store/usage-store.ts";
import type { CapsuleRecord } from "../capsule/record.ts";
import { UsageMeter } from "./meter.ts";

const CAPSULES = 3;
const MIDNIGHT = Date.UTC(2026, 10, 23);

/** What can happen; times in milliseconds. */
type Step =
  | { readonly kind: "run" | "pause" | "end"; readonly capsule: number }
  | { readonly kind: "wait" | "set clock"; readonly ms: number }
  | { readonly kind: "count" | "kill" | "restart" };

const capsule = fc.nat(CAPSULES - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom("run" as const, "pause" as const, "end" as const), capsule }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("wait" as const), ms: fc.oneof(fc.nat(5), fc.nat(40_000), fc.nat(90_000_000)) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom("count" as const, "kill" as const, "restart" as const) }) },
);
const clockStep: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant("set clock" as const),
  ms: fc.integer({ min: -200_000_000, max: 200_000_000 }),
});

/** A host with its two clocks, whose server is killed and started anew while its capsules run on. */
class Host {
  readonly #database: Database;
  readonly #hostId: string;
  readonly teamId: string;
  wall = MIDNIGHT - 1000;
  steady = 5_000_000;
  readonly rows: CapsuleRecord[];
  #meter: UsageMeter | null = null;
  /** Milliseconds that capsules have run, by day while the clock is never set; and those that a kill may have lost. */
  ranMs = 0;
  readonly ranByDay = new Map<number, number>();
  lostMs = 0;
  /** Of each capsule, what ran since the last count and has ended. */
  #endedMs = 0;
  readonly #runningSince = new Map<string, number>();

  constructor(database: Database, teamId: string) {
    this.#database = database;
    this.#hostId = `host-of-${teamId}`;
    this.teamId = teamId;
    this.rows = Array.from({ length: CAPSULES }, (_, index) =>
      capsuleRecord({ teamId, state: "stopped", vcpus: index + 1, memoryMb: 100, startedAt: null }),
    );
  }

  async open(): Promise<void> {
    const clock = { now: () => this.wall };
    const steady = { ms: () => this.steady };
    this.#meter = await UsageMeter.open({ store: createUsageStore(this.#database), hostId: this.#hostId, clock, steady });
    for (const row of this.rows) if (row.state !== "stopped") this.#meter.note(row.id, row, true);
  }

  async do(one: Step): Promise<void> {
    switch (one.kind) {
      case "wait":
        return this.#pass(one.ms);
      case "set clock":
        this.wall += one.ms;
        return;
      case "run":
        return this.#change(one.capsule, "running");
      case "pause":
        return this.#change(one.capsule, "paused");
      case "end":
        return this.#change(one.capsule, "stopped");
      case "count":
        await this.#count();
        return;
      case "kill":
        this.lostMs += this.#endedMs;
        this.#endedMs = 0;
        this.#meter = null;
        return;
      case "restart":
        if (this.#meter === null) await this.open();
        return;
    }
  }

  async sums(): Promise<ReadonlyMap<number, number>> {
    if (this.#meter === null) await this.open();
    await this.#count();
    const days = await createUsageStore(this.#database).list(this.teamId, 0, 1_000_000);
    for (const { capsuleMs, memoryMbMs } of days) assert.equal(memoryMbMs, capsuleMs * 100);
    return new Map(days.map(({ day, capsuleMs }) => [day, capsuleMs]));
  }

  async #count(): Promise<void> {
    if (this.#meter === null) return;
    await this.#meter.count();
    this.#endedMs = 0;
    for (const id of this.#runningSince.keys()) this.#runningSince.set(id, this.steady);
  }

  #pass(ms: number): void {
    for (const row of this.rows) if (row.state === "running") this.#ran(ms);
    this.wall += ms;
    this.steady += ms;
  }

  #ran(ms: number): void {
    this.ranMs += ms;
    for (let at = this.wall, left = ms; left > 0;) {
      const day = Math.floor(at / 86_400_000);
      const part = Math.min(left, (day + 1) * 86_400_000 - at);
      this.ranByDay.set(day, (this.ranByDay.get(day) ?? 0) + part);
      at += part;
      left -= part;
    }
  }

  /** Only a server changes a capsule. */
  #change(index: number, state: "running" | "paused" | "stopped"): void {
    const before = this.rows[index];
    if (before === undefined || this.#meter === null || before.state === state) return;
    const row: CapsuleRecord = { ...before, state, ...(state === "running" && { startedAt: this.wall }) };
    this.rows[index] = row;
    this.#meter.note(row.id, state === "stopped" ? null : row);
    if (before.state === "running") {
      this.#endedMs += this.steady - (this.#runningSince.get(row.id) ?? this.steady);
      this.#runningSince.delete(row.id);
    }
    if (state === "running") this.#runningSince.set(row.id, this.steady);
  }
}

/** Every life has a team and a host of its own in it. */
const database = await openDatabase({ kind: "sqlite", path: ":memory:" }, MIDNIGHT);
after(() => database.close());

async function live(steps: readonly Step[], check: (host: Host, byDay: ReadonlyMap<number, number>) => void): Promise<void> {
  const team = teamRecord();
  await createAccessStore(database).insertTeam(team, keyRecord({ teamId: team.id }));
  const host = new Host(database, team.id);
  await host.open();
  for (const one of steps) await host.do(one);
  check(host, await host.sums());
}

const total = (byDay: ReadonlyMap<number, number>): number => [...byDay.values()].reduce((sum, ms) => sum + ms, 0);
const numRuns = Number(process.env["CAPSULED_TEST_RUNS"] ?? 100);

test("over midnights, pauses, counts and kills: no time is counted twice, and only what ended since the last count is lost by a kill", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), (steps) =>
      live(steps, (host, byDay) => {
        assert.equal(total(byDay), host.ranMs - host.lostMs);
        for (const [day, ms] of byDay) assert.ok(ms <= (host.ranByDay.get(day) ?? 0), `${day}: ${ms} of ${host.ranByDay.get(day)}`);
      }),
    ),
    { numRuns },
  );
});

test("without kills every day has exactly what ran in it", async () => {
  const calm = step.filter(({ kind }) => kind !== "kill");
  await fc.assert(
    fc.asyncProperty(fc.array(calm, { maxLength: 40 }), (steps) =>
      live(steps, (host, byDay) => assert.deepEqual(byDay, sorted(host.ranByDay))),
    ),
    { numRuns },
  );
});

test("setting the clock changes no sum, be it while a server counts or while there is none", async () => {
  const calm = fc.oneof({ weight: 5, arbitrary: step.filter(({ kind }) => kind !== "kill") }, { weight: 1, arbitrary: clockStep });
  await fc.assert(
    fc.asyncProperty(fc.array(calm, { maxLength: 40 }), (steps) => live(steps, (host, byDay) => assert.equal(total(byDay), host.ranMs))),
    { numRuns },
  );
  const any = fc.oneof({ weight: 5, arbitrary: step }, { weight: 1, arbitrary: clockStep });
  await fc.assert(
    fc.asyncProperty(fc.array(any, { maxLength: 40 }), (steps) =>
      live(setOnlyWithoutServer(steps), (host, byDay) => assert.equal(total(byDay), host.ranMs - host.lostMs)),
    ),
    { numRuns },
  );
});

function setOnlyWithoutServer(steps: readonly Step[]): readonly Step[] {
  let hasServer = true;
  return steps.filter(({ kind }) => {
    if (kind === "kill" || kind === "restart") hasServer = kind === "restart";
    return kind !== "set clock" || !hasServer;
  });
}

function sorted(byDay: ReadonlyMap<number, number>): ReadonlyMap<number, number> {
  return new Map([...byDay].filter(([, ms]) => ms > 0).toSorted(([left], [right]) => left - right));
}

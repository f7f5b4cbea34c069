import { bySystem } from "../event/actor.ts";
import type { MachineState } from "../ports/driver.ts";
import type { CapsuleDeps } from "./deps.ts";
import { loseCapsule } from "./hold.ts";
import type { CapsuleRecord } from "./record.ts";
import { recoverOne, UNSETTLED } from "./recover.ts";
import { settleChange } from "./settle-change.ts";

/** Milliseconds for which a difference must have been seen before anything is done about it. */
export const DIFFERENCE_GRACE_MS = 60_000;
const ROWS_MAX = 10_000;

/** Differences between driver and store, and since when each has been seen. */
export class Reconciler {
  readonly #deps: CapsuleDeps;
  readonly #since = new Map<string, number>();

  constructor(deps: CapsuleDeps) {
    this.#deps = deps;
  }

  /** One comparison in both directions. Returns the ids it acted on. */
  async tick(): Promise<readonly string[]> {
    const deps = this.#deps;
    const found = new Map((await deps.driver.list()).map((capsule) => [capsule.capsuleId, capsule.state]));
    const rows = new Map((await deps.store.listOnHost(deps.hostId, UNSETTLED, ROWS_MAX)).map((record) => [record.id, record]));
    const differences = new Map<string, () => Promise<void>>();
    for (const [id, machine] of found)
      if (!rows.has(id) && (await this.#isStray(id, machine))) differences.set(id, () => this.#removeStray(id));
    for (const record of rows.values()) {
      const machine = found.get(record.id);
      if (isHeld(record) && (machine === undefined || machine === "debris" || machine === "gone"))
        differences.set(record.id, () => loseCapsule(deps, record.id, bySystem("reconcile")));
      else if (!isHeld(record) || deps.live.get(record.id) === undefined) differences.set(record.id, () => recoverOne(deps, record));
      else if (record.state === "pausing" || record.state === "resuming") differences.set(record.id, () => settleChange(deps, record.id));
    }
    return this.#act(differences);
  }

  async #act(differences: Map<string, () => Promise<void>>): Promise<readonly string[]> {
    const now = this.#deps.clock.now();
    for (const id of this.#since.keys()) if (!differences.has(id)) this.#since.delete(id);
    const acted: string[] = [];
    for (const [id, settle] of differences) {
      if (this.#deps.acts.busy(id)) continue;
      const since = this.#since.get(id) ?? now;
      this.#since.set(id, since);
      if (now - since < DIFFERENCE_GRACE_MS) continue;
      this.#since.delete(id);
      acted.push(id);
      try {
        await settle();
      } catch (error) {
        this.#deps.log.error({ capsuleId: id, error }, "a difference between host and store could not be settled");
      }
    }
    return acted;
  }

  /** Whether no row accounts for what the host has. The kept disk (`gone`: no machine) of a capsule that can be started is accounted for. */
  async #isStray(id: string, machine: MachineState | "debris"): Promise<boolean> {
    const record = await this.#deps.store.find(id);
    if (record === undefined) return true;
    return record.hostId === this.#deps.hostId && !(machine === "gone" && record.hasDisk);
  }

  async #removeStray(id: string): Promise<void> {
    const record = await this.#deps.store.find(id);
    this.#deps.log.warn({ capsuleId: id, state: record?.state }, "removing what no capsule accounts for");
    if (record !== undefined && record.hasDisk) await this.#deps.driver.stop(id);
    else await this.#deps.driver.destroy(id);
  }
}

const isHeld = (record: CapsuleRecord): boolean =>
  record.state === "running" || record.state === "pausing" || record.state === "paused" || record.state === "resuming";

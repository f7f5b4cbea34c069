import type { Driver } from "../core/ports/driver.ts";
import type { Database } from "../store/database.ts";

/** The server has died: nothing it does from now on has an effect. */
export class ServerDied extends Error {
  override readonly name = "ServerDied";
}

/** When a server dies: just before or just after its n-th step (from 1), a step being a write, a read or a driver's call. */
export interface Death {
  readonly step: number;
  readonly when: "before" | "after";
}

/** One server's life: every step outside of its own memory goes through it, until it dies as by `kill -9`. */
export class Life {
  #death: Death | null;
  #steps = 0;
  #dead = false;

  constructor(death: Death | null = null) {
    this.#death = death;
  }

  get isDead(): boolean {
    return this.#dead;
  }

  /** Sets the death to steps counted from now. */
  doom({ step, when }: Death): void {
    this.#death = { step: this.#steps + step, when };
  }

  die(): void {
    this.#dead = true;
  }

  async step<T>(act: () => Promise<T>): Promise<T> {
    this.#steps += 1;
    const isLast = this.#death !== null && this.#steps >= this.#death.step;
    if (isLast && this.#death?.when === "before") this.die();
    this.#requireAlive();
    const value = await act();
    if (isLast) this.die();
    this.#requireAlive();
    return value;
  }

  #requireAlive(): void {
    if (this.#dead) throw new ServerDied("the server has died as scripted");
  }
}

/** The database as one life of a server sees it. */
export function mortalDatabase(database: Database, life: Life): Database {
  return {
    engine: database.engine,
    run: (work) => life.step(() => database.run(work)),
    transact: (work) => life.step(() => database.transact(work)),
    close: async () => {},
  };
}

/** The driver as one life of a server sees it. */
export function mortalDriver<D extends Driver>(driver: D, life: Life): D {
  const { snapshots } = driver;
  return {
    ...driver,
    launch: (spec, signal) => life.step(() => driver.launch(spec, signal)),
    recover: (handle) => life.step(() => driver.recover(handle)),
    list: () => life.step(() => driver.list()),
    pause: (handle) => life.step(() => driver.pause(handle)),
    resume: (handle) => life.step(() => driver.resume(handle)),
    stop: (id) => life.step(() => driver.stop(id)),
    destroy: (id) => life.step(() => driver.destroy(id)),
    stats: (handle) => life.step(() => driver.stats(handle)),
    snapshots:
      snapshots === null
        ? null
        : {
            sharesBlocks: () => snapshots.sharesBlocks(),
            copiesInLaunch: () => snapshots.copiesInLaunch(),
            take: (handle, id) => life.step(() => snapshots.take(handle, id)),
            takeTree: (handle, id, directory) => life.step(() => snapshots.takeTree(handle, id, directory)),
            remove: (id) => life.step(() => snapshots.remove(id)),
            list: () => life.step(() => snapshots.list()),
          },
    openAgent: (handle) => life.step(() => driver.openAgent(handle)),
  };
}

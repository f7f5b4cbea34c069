import { StoreUnavailableError } from "../capsule/store.ts";
import type { Log } from "../ports/log.ts";
import type { NotificationDraft } from "./ended.ts";
import type { RunRecord } from "./record.ts";
import type { RunStore, SealedInput, StoredOutput } from "./store.ts";

/** Milliseconds that a changed run waits to be written with others. */
export const WRITE_MS = 20;
/** Rows of one transaction. */
export const WRITE_ROWS_MAX = 500;
/** Milliseconds until what could not be stored is tried again; doubled up to the second. */
const RETRY_MS_MIN = 250;
const RETRY_MS_MAX = 5000;
/** What may wait for a database that is gone; beyond it outputs are given up first, then whole runs, the oldest first. */
export const WAITING_RUNS_MAX = 20_000;
export const WAITING_BYTES_MAX = 64 * 1024 * 1024;

export interface RunWrite {
  readonly run: RunRecord;
  readonly output: StoredOutput | null;
  readonly notification: NotificationDraft | null;
}

interface Waiting extends RunWrite {
  /** Called once it is stored, or given up. */
  readonly onStored: ((isStored: boolean) => void) | null;
}

interface Insert {
  readonly run: RunRecord;
  readonly input: SealedInput | null;
  readonly resolve: (holder: RunRecord | undefined) => void;
  readonly reject: (error: unknown) => void;
}

/** Writes runs in batches, so that no call waits for the store. While the database is gone it keeps trying, within its bounds. */
export class RunWriter {
  readonly #store: RunStore;
  readonly #log: Log;
  readonly #waiting = new Map<string, Waiting>();
  #waitingBytes = 0;
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> | null = null;
  #retryMs = RETRY_MS_MIN;
  #inserts: Insert[] = [];
  #inserting = false;
  #isClosed = false;
  /** Runs, or outputs of runs, that were given up since no database took them. */
  givenUp = 0;

  constructor(store: RunStore, log: Log) {
    this.#store = store;
    this.#log = log;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Stores a new run before anything is done for it; the run that has its name already, if there is one. Throws `StoreUnavailableError`. */
  insert(run: RunRecord, input: SealedInput | null): Promise<RunRecord | undefined> {
    return new Promise((resolve, reject) => {
      this.#inserts.push({ run, input, resolve, reject });
      if (this.#inserting) return;
      this.#inserting = true;
      queueMicrotask(() => void this.#insert());
    });
  }

  /** Those that come together are stored together. */
  async #insert(): Promise<void> {
    while (this.#inserts.length > 0) {
      const batch = this.#inserts.splice(0, WRITE_ROWS_MAX);
      try {
        const holders = await this.#store.insert(batch.map(({ run, input }) => ({ run, input })));
        for (const { run, resolve } of batch) resolve(holders.get(run.id));
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    this.#inserting = false;
  }

  /** Writes a run's newest facts soon. */
  save(write: RunWrite, onStored: ((isStored: boolean) => void) | null = null): void {
    this.#put({ ...write, onStored });
    this.#bound();
    if (this.#waiting.size >= WRITE_ROWS_MAX) this.#now();
    else this.#soon(WRITE_MS);
  }

  #put(write: Waiting): void {
    const before = this.#waiting.get(write.run.id);
    if (before !== undefined) this.#waitingBytes -= bytesOf(before);
    this.#waiting.set(write.run.id, write);
    this.#waitingBytes += bytesOf(write);
  }

  #soon(ms: number): void {
    if (this.#timer !== null || this.#writing !== null) return;
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#now();
    }, ms);
  }

  #now(): void {
    if (this.#writing !== null) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#writing = this.#write().finally(() => {
      this.#writing = null;
      if (this.#waiting.size > 0 && !this.#isClosed) this.#soon(this.#retryMs > RETRY_MS_MIN ? this.#retryMs : WRITE_MS);
    });
  }

  /** One batch. Never rejects. */
  async #write(): Promise<void> {
    const batch: Waiting[] = [];
    for (const write of this.#waiting.values()) {
      if (batch.length === WRITE_ROWS_MAX) break;
      batch.push(write);
    }
    if (batch.length === 0) return;
    for (const write of batch) this.#take(write);
    try {
      await this.#store.save(batch);
      this.#retryMs = RETRY_MS_MIN;
      for (const { onStored } of batch) onStored?.(true);
    } catch (error) {
      if (error instanceof StoreUnavailableError) return this.#putBack(batch, error);
      this.#retryMs = RETRY_MS_MIN;
      if (batch.length > 1) return this.#oneByOne(batch);
      this.#giveUp(batch, error);
    }
  }

  #take(write: Waiting): void {
    this.#waiting.delete(write.run.id);
    this.#waitingBytes -= bytesOf(write);
  }

  /** A row that no store takes must not stop the others. */
  async #oneByOne(batch: readonly Waiting[]): Promise<void> {
    for (const write of batch) {
      try {
        await this.#store.save([write]);
        write.onStored?.(true);
      } catch (error) {
        if (error instanceof StoreUnavailableError) this.#putBack([write], error);
        else this.#giveUp([write], error);
      }
    }
  }

  #giveUp(batch: readonly Waiting[], error: unknown): void {
    for (const { run, onStored } of batch) {
      this.givenUp += 1;
      this.#log.error({ runId: run.id, error }, "a run could not be stored and is left out");
      onStored?.(false);
    }
  }

  #putBack(batch: readonly Waiting[], error: unknown): void {
    this.#log.warn(
      { runs: batch.length + this.#waiting.size, error, afterMs: this.#retryMs },
      "runs could not be stored; they are tried again",
    );
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
    for (const write of batch) {
      const newer = this.#waiting.get(write.run.id);
      if (newer === undefined) this.#put(write);
      // Who waited for the older one hears of the newer.
      else if (write.onStored !== null && newer.onStored === null) this.#put({ ...newer, onStored: write.onStored });
    }
    this.#bound();
  }

  #bound(): void {
    if (this.#waitingBytes > WAITING_BYTES_MAX) {
      for (const write of this.#waiting.values()) {
        if (this.#waitingBytes <= WAITING_BYTES_MAX) break;
        if (write.output?.kind !== "inline") continue;
        this.givenUp += 1;
        this.#waitingBytes -= bytesOf(write);
        const without: Waiting = { ...write, output: { kind: "none" } };
        this.#waiting.set(write.run.id, without);
        this.#waitingBytes += bytesOf(without);
      }
    }
    while (this.#waiting.size > WAITING_RUNS_MAX) {
      const [oldest] = this.#waiting.values();
      if (oldest === undefined) return;
      this.#take(oldest);
      this.#giveUp([oldest], new Error(`more than ${WAITING_RUNS_MAX} runs wait for the database`));
    }
  }

  /** Tries to store all that waits, once. */
  async flush(): Promise<void> {
    for (let left = this.#waiting.size; left > 0 || this.#writing !== null; left -= WRITE_ROWS_MAX) {
      if (this.#writing === null) this.#now();
      await this.#writing;
      if (this.#retryMs > RETRY_MS_MIN) return;
    }
  }

  /** Stores what waits, tries nothing again. */
  async close(): Promise<void> {
    await this.flush();
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }
}

function bytesOf(write: RunWrite): number {
  return write.output?.kind === "inline" ? write.output.packed.length : 0;
}

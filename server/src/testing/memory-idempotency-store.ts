import type { IdempotencyRecord, IdempotencyStore } from "../core/idempotency/store.ts";

type Name = Pick<IdempotencyRecord, "teamId" | "keyHash">;

/** Requests with a key in memory, for tests that are not about the database. */
export class MemoryIdempotencyStore implements IdempotencyStore {
  readonly rows = new Map<string, IdempotencyRecord>();
  /** When set, every call fails with it. */
  failure: Error | null = null;

  async claim(record: IdempotencyRecord): Promise<IdempotencyRecord | undefined> {
    this.#check();
    const found = this.rows.get(nameOf(record));
    if (found === undefined) this.rows.set(nameOf(record), record);
    return found;
  }

  async takeOver(seen: IdempotencyRecord, holder: string, leaseUntil: number): Promise<boolean> {
    return this.#change(seen, (row) => row.holder === seen.holder && row.leaseUntil === seen.leaseUntil, { holder, leaseUntil });
  }

  async renew(name: Name, holder: string, leaseUntil: number): Promise<void> {
    this.#change(name, (row) => row.holder === holder, { leaseUntil });
  }

  async finish(name: Name, holder: string, sealedAnswer: string | null, at: number): Promise<void> {
    this.#change(name, (row) => row.holder === holder, { sealedAnswer, finishedAt: at });
  }

  async release(name: Name, holder: string): Promise<void> {
    this.#change(name, (row) => row.holder === holder, { leaseUntil: 0 });
  }

  async forget(name: Name, holder: string): Promise<void> {
    this.#check();
    const row = this.rows.get(nameOf(name));
    if (row?.holder === holder && row.finishedAt === null) this.rows.delete(nameOf(name));
  }

  async removeOld(): Promise<number> {
    return 0;
  }

  #change(name: Name, may: (row: IdempotencyRecord) => boolean, change: Partial<IdempotencyRecord>): boolean {
    this.#check();
    const row = this.rows.get(nameOf(name));
    if (row === undefined || row.finishedAt !== null || !may(row)) return false;
    this.rows.set(nameOf(name), { ...row, ...change });
    return true;
  }

  #check(): void {
    if (this.failure !== null) throw this.failure;
  }
}

function nameOf({ teamId, keyHash }: Name): string {
  return `${teamId}/${keyHash}`;
}

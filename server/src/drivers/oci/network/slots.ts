import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Which capsule has which address, one file each: written before anything of the slot is made, so that a later server knows what an
 * earlier one used. A slot that is made ready for a capsule still to come has an empty file.
 */
export class Slots {
  readonly #directory: string;
  readonly #size: number;
  readonly #used = new Map<number, string>();
  /** Goes round, so that an address rests as long as it can before another capsule has it. */
  #next = 0;

  /** @param isAlive whether a capsule of an earlier server still runs; what it does not hold any more is free */
  constructor(directory: string, size: number, isAlive: (capsuleId: string) => boolean) {
    this.#directory = directory;
    this.#size = size;
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    for (const name of readdirSync(directory)) {
      const capsuleId = readFileSync(join(directory, name), "utf8");
      if (/^\d+$/.test(name) && capsuleId !== "" && isAlive(capsuleId)) {
        this.#used.set(Number(name), capsuleId);
        this.#next = Math.max(this.#next, Number(name) + 1);
      } else rmSync(join(directory, name), { force: true });
    }
  }

  /** `null` when every address is in use. */
  reserve(): number | null {
    for (let tries = 0; tries < this.#size; tries += 1) {
      const n = (this.#next + tries) % this.#size;
      if (this.#used.has(n)) continue;
      this.#next = n + 1;
      this.#write(n, "");
      return n;
    }
    return null;
  }

  give(n: number, capsuleId: string): void {
    this.#write(n, capsuleId);
  }

  free(n: number): void {
    rmSync(join(this.#directory, String(n)), { force: true });
    this.#used.delete(n);
  }

  of(capsuleId: string): number | null {
    for (const [n, holder] of this.#used) if (holder === capsuleId) return n;
    return null;
  }

  /** Capsules that hold a slot. */
  holders(): string[] {
    return [...this.#used.values()].filter((holder) => holder !== "");
  }

  #write(n: number, holder: string): void {
    writeFileSync(join(this.#directory, String(n)), holder, { mode: 0o600 });
    this.#used.set(n, holder);
  }
}

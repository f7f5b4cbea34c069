import { fail } from "../core/fail.ts";

/** Who takes a place. */
export interface StreamOwner {
  /** Of the key that ends it when it is revoked; `null` for a caller without one. */
  readonly keyId: string | null;
  /** A team, or the address of a caller without a key: whose places are counted together. */
  readonly group: string;
}

export interface StreamPlaces {
  /** Streams open at once, of callers without a key, of one team, and of one address. */
  readonly all: number;
  readonly anonymous: number;
  readonly team: number;
  readonly address: number;
}

/** What is left to close when a key is revoked or the server stops. */
export class OpenStreams {
  readonly #places: StreamPlaces;
  readonly #open = new Map<() => void, StreamOwner>();
  readonly #groups = new Map<string, number>();
  #anonymous = 0;

  constructor(places: StreamPlaces) {
    this.#places = places;
  }

  /** Takes a place for as long as the returned function is not called. Throws `unavailable`. */
  enter(owner: StreamOwner, end: () => void): () => void {
    const { all, anonymous, team, address } = this.#places;
    const isAnonymous = owner.keyId === null;
    const inGroup = this.#groups.get(owner.group) ?? 0;
    const max = isAnonymous ? address : team;
    const whose = isAnonymous ? "of this address" : "of this team";
    if (inGroup >= max) throw fail("unavailable", `There are ${max} streams ${whose} open, which is as many as it gets; close one first.`);
    if (this.#open.size >= all || (isAnonymous && this.#anonymous >= anonymous))
      throw fail("unavailable", "The server has as many open streams as it takes.");
    this.#open.set(end, owner);
    this.#groups.set(owner.group, inGroup + 1);
    if (isAnonymous) this.#anonymous += 1;
    return () => this.#leave(end);
  }

  #leave(end: () => void): void {
    const owner = this.#open.get(end);
    if (owner === undefined) return;
    this.#open.delete(end);
    const left = (this.#groups.get(owner.group) ?? 1) - 1;
    if (left > 0) this.#groups.set(owner.group, left);
    else this.#groups.delete(owner.group);
    if (owner.keyId === null) this.#anonymous -= 1;
  }

  get size(): number {
    return this.#open.size;
  }

  revoke(keyId: string): void {
    for (const [end, owner] of this.#open) if (owner.keyId === keyId) end();
  }

  closeAll(): void {
    for (const end of this.#open.keys()) end();
  }
}

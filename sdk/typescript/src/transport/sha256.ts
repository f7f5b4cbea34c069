import { utf8 } from "./bytes.ts";

/** A SHA-256 that takes its bytes piece by piece. */
export interface Sha256 {
  update(bytes: Uint8Array): void;
  /** In hex; nothing can be added after it. */
  digest(): string;
}

interface NodeCrypto {
  createHash(name: "sha256"): { update(bytes: Uint8Array): unknown; digest(encoding: "hex"): string };
}

/** The runtime's own where it has one that takes pieces; browsers do not. */
export function sha256(): Sha256 {
  const crypto = nodeCrypto();
  if (crypto === undefined) return new PlainSha256();
  const hash = crypto.createHash("sha256");
  return { update: (bytes) => void hash.update(bytes), digest: () => hash.digest("hex") };
}

/** 16 hex digits that follow from a text. */
export function shortDigest(text: string): string {
  const hash = sha256();
  hash.update(utf8(text));
  return hash.digest().slice(0, 16);
}

function nodeCrypto(): NodeCrypto | undefined {
  if (typeof process === "undefined" || typeof process.getBuiltinModule !== "function") return undefined;
  return process.getBuiltinModule("node:crypto");
}

const BLOCK = 64;

/** First 32 bits of the fractional parts of the roots of the first primes. */
function fractions(count: number, root: (prime: number) => number): Uint32Array {
  const found: number[] = [];
  for (let n = 2; found.length < count; n += 1) {
    let isPrime = true;
    for (let divisor = 2; divisor * divisor <= n; divisor += 1) if (n % divisor === 0) isPrime = false;
    if (isPrime) found.push((root(n) % 1) * 2 ** 32);
  }
  return Uint32Array.from(found, Math.floor);
}

const ROUND = fractions(64, Math.cbrt);
const INITIAL = fractions(8, Math.sqrt);

/** FIPS 180-4 in plain JavaScript. */
export class PlainSha256 implements Sha256 {
  readonly #state = Uint32Array.from(INITIAL);
  readonly #block = new Uint8Array(BLOCK);
  readonly #words = new Uint32Array(64);
  #filled = 0;
  #length = 0;

  update(bytes: Uint8Array): void {
    this.#length += bytes.length;
    for (let at = 0; at < bytes.length;) {
      const taken = Math.min(BLOCK - this.#filled, bytes.length - at);
      this.#block.set(bytes.subarray(at, at + taken), this.#filled);
      this.#filled += taken;
      at += taken;
      if (this.#filled === BLOCK) this.#compress();
    }
  }

  digest(): string {
    const bits = this.#length * 8;
    this.#block[this.#filled] = 0x80;
    this.#block.fill(0, this.#filled + 1);
    if (this.#filled + 9 > BLOCK) {
      this.#compress();
      this.#block.fill(0);
    }
    const view = new DataView(this.#block.buffer);
    view.setUint32(BLOCK - 8, Math.floor(bits / 2 ** 32));
    view.setUint32(BLOCK - 4, bits >>> 0);
    this.#compress();
    return [...this.#state].map((word) => word.toString(16).padStart(8, "0")).join("");
  }

  #compress(): void {
    const words = this.#words;
    const view = new DataView(this.#block.buffer);
    for (let i = 0; i < 16; i += 1) words[i] = view.getUint32(i * 4);
    for (let i = 16; i < 64; i += 1) {
      const a = words[i - 15] ?? 0;
      const b = words[i - 2] ?? 0;
      words[i] =
        (words[i - 16] ?? 0) +
        (rotate(a, 7) ^ rotate(a, 18) ^ (a >>> 3)) +
        (words[i - 7] ?? 0) +
        (rotate(b, 17) ^ rotate(b, 19) ^ (b >>> 10));
    }
    let [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0, h = 0] = this.#state;
    for (let i = 0; i < 64; i += 1) {
      const one = (h + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + ((e & f) ^ (~e & g)) + (ROUND[i] ?? 0) + (words[i] ?? 0)) | 0;
      const two = ((rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + ((a & b) ^ (a & c) ^ (b & c))) | 0;
      [h, g, f, e, d, c, b, a] = [g, f, e, (d + one) | 0, c, b, a, (one + two) | 0];
    }
    [a, b, c, d, e, f, g, h].forEach((word, i) => (this.#state[i] = (this.#state[i] ?? 0) + word));
    this.#filled = 0;
  }
}

function rotate(word: number, by: number): number {
  return (word >>> by) | (word << (32 - by));
}

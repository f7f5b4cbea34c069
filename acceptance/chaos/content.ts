import { createHash } from "node:crypto";

export type ContentKind = "text" | "binary";
export type StreamName = "stdout" | "stderr";

/** Bytes of a block: a header that says which block of which stream it is, then a body from the pool. */
export const BLOCK = 256;
const HEADER = 32;
const UNIT = 16;
const POOL_UNITS = 4096;
const ID_CHARS = 14;
const INDEX_CHARS = 15;

const pools = new Map<string, Buffer>();

/**
 * What one stream of one process prints. It follows from seed, key, stream and offset alone, so any range can be made at any time,
 * and it says where it is: a newline occurs only at the begin of a block's header. `producer.py` prints the same.
 */
export class Content {
  readonly #kind: ContentKind;
  readonly #pool: Buffer;
  readonly #id: string;
  readonly #start: number;

  constructor(seed: string, key: string, stream: StreamName, kind: ContentKind) {
    const digest = createHash("sha256").update(`${seed}/${key}/${stream}`).digest();
    this.#kind = kind;
    this.#pool = poolOf(seed, kind);
    this.#id = digest.toString("hex").slice(0, ID_CHARS);
    this.#start = digest.readUInt32BE(28) % POOL_UNITS;
  }

  /** The bytes from one offset to before another. */
  bytes(from: number, to: number): Buffer {
    const first = Math.floor(from / BLOCK);
    const last = Math.ceil(to / BLOCK);
    const blocks = Buffer.allocUnsafe((last - first) * BLOCK);
    for (let index = first, at = 0; index < last; index += 1, at += BLOCK) {
      blocks.write(`\n${this.#id}:${index.toString(16).padStart(INDEX_CHARS, "0")}:`, at, "latin1");
      const body = ((this.#start + index * 7919) % POOL_UNITS) * UNIT;
      this.#pool.copy(blocks, at + HEADER, body, body + BLOCK - HEADER);
    }
    return blocks.subarray(from - first * BLOCK, to - first * BLOCK);
  }

  /** The offset of the first of some bytes of this stream, by a header among them; `undefined` without one. */
  locate(bytes: Buffer): number | undefined {
    for (let at = bytes.indexOf(10); at >= 0 && at + HEADER <= bytes.length; at = bytes.indexOf(10, at + 1)) {
      const header = bytes.toString("latin1", at + 1, at + HEADER);
      if (!header.startsWith(`${this.#id}:`) || !header.endsWith(":")) continue;
      const index = Number.parseInt(header.slice(ID_CHARS + 1, -1), 16);
      const offset = index * BLOCK - at;
      if (Number.isSafeInteger(offset) && offset >= 0) return offset;
    }
    return undefined;
  }

  /** The offset at which the character begins that has the byte before or at this offset cut: itself between two characters. */
  characterAt(offset: number): number {
    if (this.#kind === "binary" || offset === 0) return offset;
    const before = Math.max(0, offset - 3);
    const bytes = this.bytes(before, offset + 1);
    let at = bytes.length - 1;
    while (at > 0 && ((bytes[at] ?? 0) & 0xc0) === 0x80) at -= 1;
    return before + at;
  }
}

function poolOf(seed: string, kind: ContentKind): Buffer {
  const name = `${seed}/${kind}`;
  let pool = pools.get(name);
  if (pool === undefined) {
    const units = Array.from({ length: POOL_UNITS }, (_, index) => unit(`${seed}/pool/${kind}/${index}`, kind));
    pool = Buffer.concat([...units, ...units.slice(0, (BLOCK - HEADER) / UNIT)]);
    pools.set(name, pool);
  }
  return pool;
}

/** 16 bytes without a newline; as text with characters of one, two, three and four bytes. */
function unit(name: string, kind: ContentKind): Buffer {
  const digest = createHash("sha256").update(name).digest();
  if (kind === "binary") return Buffer.from(digest.subarray(0, UNIT).map((byte) => (byte === 10 ? 11 : byte)));
  const hex = digest.toString("hex");
  return Buffer.from(`${hex.slice(0, 2)}é${hex.slice(2, 4)}€${hex.slice(4, 7)}😀`, "utf8");
}

/**
 * Packed output: records one after the other, each a header and its bytes.
 *
 *  0         1               5                     13
 *  +---------+---------------+---------------------+---------
 *  | 1 out   | length u32 LE | offset u64 LE       | bytes…
 *  | 2 err   |               | within its stream   |
 *  +---------+---------------+---------------------+---------
 */

export type RunStream = "stdout" | "stderr";

/** Bytes before those of a record. */
export const RECORD_HEADER_BYTES = 13;
/** Bytes that one record holds at most. */
export const RECORD_BYTES_MAX = 64 * 1024;

const TWO_TO_32 = 2 ** 32;

export interface RecordHeader {
  readonly stream: RunStream;
  /** Of the first byte within its stream. */
  readonly offset: number;
  readonly length: number;
}

/** What is no packed output: a damaged or foreign file. */
export class PackedError extends Error {
  override readonly name = "PackedError";
}

/** Writes a record's header at `at`. */
export function writeHeader(into: Uint8Array, at: number, stream: RunStream, offset: number, length: number): void {
  into[at] = stream === "stdout" ? 1 : 2;
  writeUint32(into, at + 1, length);
  writeUint32(into, at + 5, offset % TWO_TO_32);
  writeUint32(into, at + 9, Math.floor(offset / TWO_TO_32));
}

/** Writes another length into a record's header. */
export function writeLength(into: Uint8Array, at: number, length: number): void {
  writeUint32(into, at + 1, length);
}

/** The header at `at`; `undefined` where it is cut off. Throws `PackedError`. */
export function readHeader(from: Uint8Array, at: number): RecordHeader | undefined {
  if (from.length < at + RECORD_HEADER_BYTES) return undefined;
  const kind = from[at];
  const length = readUint32(from, at + 1);
  if ((kind !== 1 && kind !== 2) || length > RECORD_BYTES_MAX) throw new PackedError(`no record at ${at}`);
  const offset = readUint32(from, at + 5) + readUint32(from, at + 9) * TWO_TO_32;
  if (!Number.isSafeInteger(offset)) throw new PackedError(`an offset beyond any stream at ${at}`);
  return { stream: kind === 1 ? "stdout" : "stderr", offset, length };
}

function writeUint32(into: Uint8Array, at: number, value: number): void {
  into[at] = value;
  into[at + 1] = value >>> 8;
  into[at + 2] = value >>> 16;
  into[at + 3] = value >>> 24;
}

function readUint32(from: Uint8Array, at: number): number {
  return ((from[at] ?? 0) | ((from[at + 1] ?? 0) << 8) | ((from[at + 2] ?? 0) << 16) | ((from[at + 3] ?? 0) << 24)) >>> 0;
}

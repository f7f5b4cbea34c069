/**
 * Memory of bytes that only pass through. What a socket reads stands outside of the heap, 64 KiB at a time, and the collector, which
 * counts it, looks through the whole heap for every 20 MiB of it: at a gigabyte that is half of all the work. So memory that nobody
 * else has is marked where it comes in, and given back where the last of its bytes has gone out.
 */

/** Bytes of a piece of memory that is worth it. Smaller ones may stand in memory that others share. */
export const PASSING_BYTES_MIN = 16 * 1024;

const passing = new WeakSet<ArrayBuffer>();

/** Says that all of the memory behind these bytes is theirs, and that whoever gets them passes them on in order, or keeps them for good. */
export function markPassing(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.length >= PASSING_BYTES_MIN && bytes.length === buffer.byteLength && buffer instanceof ArrayBuffer) passing.add(buffer);
}

/** Of bytes that have gone out: gives their memory back, where it was marked and nothing of it is behind them. They must not be used again. */
export function giveBack(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.byteOffset + bytes.length !== buffer.byteLength || !(buffer instanceof ArrayBuffer)) return;
  if (passing.delete(buffer)) buffer.transfer(0);
}

import { SpareMemory } from "../../lib/spare-memory.ts";
import type { RunFileReader } from "../ports/run-files.ts";
import type { PackedBlock } from "./packed-source.ts";

/** Bytes that a reader gets of a file at a time. */
export const FILE_BLOCK_BYTES = 256 * 1024;
/** Memory of such blocks that is kept for the next ones, of all readers together. */
const SPARE_MAX = 4;

const spare = new SpareMemory(FILE_BLOCK_BYTES, SPARE_MAX);

/** Reads what there is between two offsets, at most a block; `null` where there is nothing. Where it is lent, its memory may be given back. */
export async function blockOf(file: Pick<RunFileReader, "read">, at: number, end: number, isLent: boolean): Promise<PackedBlock | null> {
  const length = Math.min(FILE_BLOCK_BYTES, end - at);
  const memory = isLent ? spare.take() : new Uint8Array(length);
  const bytes = await file.read(at, memory.subarray(0, length));
  if (bytes.length === 0) return null;
  return { at, bytes, isSealed: true, ...(isLent && { giveBack: () => spare.giveBack(memory) }) };
}

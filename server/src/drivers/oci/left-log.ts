import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { isMissing } from "../../lib/node/missing.ts";

/** The agent's files, the older one first; each is at most this long while the agent has its way. */
const FILES = ["processes.log.1", "processes.log"] as const;
export const LEFT_LOG_BYTES_MAX = 16 * 1024 * 1024;
/** `<16 hex digits> <number> <json>` */
const LINE = /^([0-9a-f]{16}) ([0-9]{1,15}) /;

/**
 * The entries from number `from` on of the log that an agent left in a capsule's control directory, as JSON; damaged ones are left out.
 * The directory is the capsule's own, so what lies there is hostile: nothing is followed, and nothing but regular files is read.
 */
export async function readLeftLog(control: string, from: number): Promise<readonly Uint8Array[]> {
  const entries: Uint8Array[] = [];
  for (const name of FILES) {
    const bytes = await readRegular(join(control, name));
    for (let at = 0, end = bytes.indexOf(10); end >= 0; at = end + 1, end = bytes.indexOf(10, at)) {
      const json = entryOf(bytes.subarray(at, end), from);
      if (json !== undefined) entries.push(json);
    }
  }
  return entries;
}

async function readRegular(path: string): Promise<Buffer> {
  let file;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    if (isMissing(error)) return Buffer.alloc(0);
    throw error;
  }
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new Error(`${path} is no regular file.`);
    const bytes = Buffer.alloc(Math.min(stat.size, LEFT_LOG_BYTES_MAX));
    const { bytesRead } = await file.read(bytes, 0, bytes.length, 0);
    return bytes.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

function entryOf(line: Buffer, from: number): Buffer | undefined {
  const [head, sum, number] = LINE.exec(line.subarray(0, 40).toString("latin1")) ?? [];
  if (head === undefined || sum === undefined || number === undefined || Number(number) < Math.max(1, from)) return undefined;
  const json = line.subarray(head.length);
  return checksum(BigInt(number), [Buffer.from(number, "latin1"), json]) === BigInt(`0x${sum}`) ? json : undefined;
}

const LANES = 8;
const WORD = 8;
const PRIME = 0x9e37_79b1_85eb_ca87n;
const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const step = (lane: bigint, word: bigint): bigint => u64((u64((lane << 27n) | (lane >> 37n)) ^ word) * PRIME);

/** The agent's checksum of a line (agent/src/segment.rs). */
function checksum(seed: bigint, parts: readonly Buffer[]): bigint {
  const lanes = Array.from({ length: LANES }, (_, index) => seed ^ u64(BigInt(index + 1) * PRIME));
  for (const part of parts) {
    const words = Math.ceil(part.length / WORD);
    const padded = Buffer.alloc(words * WORD);
    part.copy(padded);
    for (let word = 0; word < words; word += 1) {
      lanes[word % LANES] = step(lanes[word % LANES] ?? 0n, padded.readBigUInt64LE(word * WORD));
    }
    lanes[LANES - 1] = step(lanes[LANES - 1] ?? 0n, BigInt(part.length));
  }
  const sum = lanes.reduce(step, 0n);
  return sum ^ (sum >> 32n);
}

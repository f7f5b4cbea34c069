import type { RunPosition } from "../../core/run/output.ts";
import { RUN_BEGIN } from "../../core/run/output.ts";
import { isEnded } from "../../core/run/record.ts";
import type { RunHandle, RunOutput } from "../../core/run/service.ts";

/** The head of what a run has printed so far, both streams in order; `null` where none of it is kept any more. */
export async function headOf(handle: RunHandle, bytesMax: number): Promise<Pick<RunOutput, "bytes" | "isTruncated"> | null> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  let isLost = false;
  const reader = handle.read(RUN_BEGIN);
  try {
    while (length <= bytesMax) {
      const item = await reader.next(0);
      if (item?.kind === "output") {
        chunks.push(item.bytes);
        length += item.bytes.length;
      } else if (item?.kind === "gap") isLost = true;
      else break;
    }
  } finally {
    reader.close();
  }
  if (isLost && length === 0) return null;
  return { bytes: Buffer.concat(chunks).subarray(0, bytesMax), isTruncated: length > bytesMax };
}

/** Bytes of one stream from an offset on. */
export interface StreamPage {
  readonly bytes: Buffer;
  /** Of the first byte; later than asked for where the earlier ones are not kept any more. */
  readonly from: number;
  readonly next: number;
  /** Bytes of the stream so far. */
  readonly total: number;
  /** Whether nothing comes after `total`. */
  readonly ended: boolean;
}

/** Reads what there is of one stream, at most `limit` bytes, without waiting for more. */
export async function pageOf(handle: RunHandle, stream: "stdout" | "stderr", from: number, limit: number): Promise<StreamPage> {
  const chunks: Uint8Array[] = [];
  let first: number | null = null;
  let length = 0;
  let gap = 0;
  // Asked before: one that ends while this reads may have printed more.
  const ended = isEnded(handle.run.status);
  const reader = handle.read(startOf(stream, from));
  try {
    while (length < limit) {
      const item = await reader.next(0);
      if (item?.kind === "output") {
        if (item.stream !== stream || item.offset + item.bytes.length <= from) continue;
        // What comes after a gap is another page.
        if (first !== null && item.offset !== first + length) break;
        const bytes = item.bytes.subarray(Math.max(0, from - item.offset));
        first ??= Math.max(from, item.offset);
        chunks.push(bytes);
        length += bytes.length;
      } else if (item?.kind === "gap") gap += stream === "stdout" ? item.stdoutBytes : item.stderrBytes;
      else break;
    }
  } finally {
    reader.close();
  }
  const bytes = Buffer.concat(chunks).subarray(0, limit);
  const begin = first ?? from + (gap > 0 ? gap : 0);
  const next = begin + bytes.length;
  return { bytes, from: begin, next, total: Math.max(next, totalOf(handle, stream)), ended };
}

/** Gives what there is of one stream from an offset on, piece by piece and read once; ends where something is not kept any more. */
export async function* readStream(handle: RunHandle, stream: "stdout" | "stderr", from: number): AsyncGenerator<Buffer> {
  const reader = handle.read(startOf(stream, from));
  let at = from;
  try {
    for (;;) {
      const item = await reader.next(0);
      if (item?.kind === "gap" && (stream === "stdout" ? item.stdoutBytes : item.stderrBytes) === 0) continue;
      if (item?.kind !== "output") return;
      if (item.stream !== stream) continue;
      if (item.offset > at) return;
      const bytes = Buffer.from(item.bytes.subarray(at - item.offset));
      at += bytes.length;
      yield bytes;
    }
  } finally {
    reader.close();
  }
}

/** Bytes of one stream, at most `most`, that are there from an offset on without a gap. */
export async function bytesUntilGap(handle: RunHandle, stream: "stdout" | "stderr", from: number, most: number): Promise<number> {
  let bytes = 0;
  for await (const piece of readStream(handle, stream, from)) {
    bytes += piece.length;
    if (bytes >= most) return most;
  }
  return bytes;
}

export function totalOf({ run }: RunHandle, stream: "stdout" | "stderr"): number {
  return stream === "stdout" ? run.stdoutBytes : run.stderrBytes;
}

/** The other stream is passed over, however long it is. */
function startOf(stream: "stdout" | "stderr", from: number): RunPosition {
  return stream === "stdout" ? { stdout: from, stderr: Number.MAX_SAFE_INTEGER } : { stdout: Number.MAX_SAFE_INTEGER, stderr: from };
}

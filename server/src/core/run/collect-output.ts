import { RUN_BEGIN } from "./output.ts";
import type { RunRecord } from "./record.ts";
import type { RunHandle, RunOutput, RunOutputPart } from "./service.ts";

/** Milliseconds of one wait; the run has ended, so there is nothing to wait for but its file. */
const WAIT_MS = 10_000;

/** Waits for the end and collects the head of the output, at most `bytesMax`. */
export async function collectOutput(
  handle: RunHandle,
  part: RunOutputPart,
  bytesMax: number,
): Promise<{ readonly run: RunRecord; readonly output: RunOutput }> {
  const run = await handle.ended;
  const head = new Head(bytesMax);
  let hasGap = false;
  const reader = handle.read(part === "stdout" ? { stdout: 0, stderr: Number.MAX_SAFE_INTEGER } : RUN_BEGIN);
  try {
    for (let item = await reader.next(WAIT_MS); item !== undefined && item.kind !== "end"; item = await reader.next(WAIT_MS)) {
      if (item.kind === "gap") hasGap = true;
      if (item.kind !== "output" || (part === "stdout" && item.stream !== "stdout")) continue;
      head.add(item.bytes);
      if (head.isCut) break;
    }
  } finally {
    reader.close();
  }
  return { run, output: { bytes: head.whole(), isTruncated: head.isCut, hasGap } };
}

class Head {
  readonly #parts: Uint8Array[] = [];
  readonly #max: number;
  size = 0;
  isCut = false;

  constructor(max: number) {
    this.#max = max;
  }

  add(bytes: Uint8Array): void {
    const room = this.#max - this.size;
    if (bytes.length > room) this.isCut = true;
    if (room <= 0) return;
    const part = bytes.length > room ? bytes.subarray(0, room) : bytes;
    this.#parts.push(part);
    this.size += part.length;
  }

  whole(): Uint8Array {
    const [only] = this.#parts;
    if (only !== undefined && this.#parts.length === 1) return only;
    const whole = new Uint8Array(this.size);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}

import type { ProcessEnd, ProcessStream } from "../ports/agent-link.ts";
import { AgentLostError } from "../ports/agent-link.ts";

export interface CollectedStream {
  readonly end: ProcessEnd;
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  /** Records that the journal has dropped are missing. */
  readonly hasGap: boolean;
}

/** Reads a process to its end and keeps the head of each stream, at most `bytesMax`. Throws `AgentLostError`. */
export function collectStream(stream: ProcessStream, bytesMax: number): Promise<CollectedStream> {
  const stdout = new Kept(bytesMax);
  const stderr = new Kept(bytesMax);
  let hasGap = false;
  return new Promise((resolve, reject) => {
    stream.onEvent((event) => {
      switch (event.kind) {
        case "stdout":
          return stdout.add(event.bytes);
        case "stderr":
          return stderr.add(event.bytes);
        case "gap":
          hasGap = true;
          return;
        case "exit":
          return resolve({ end: event, stdout: stdout.whole(), stderr: stderr.whole(), hasGap });
        case "failed":
          return reject(new AgentLostError(event.message));
        case "stdin_room":
        case "stdin_full":
        case "stdin_gap":
          return;
      }
    });
  });
}

/** The head of a stream; what is kept is copied, since a record is a view of a larger chunk. */
class Kept {
  readonly #parts: Uint8Array[] = [];
  readonly #max: number;
  #size = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(bytes: Uint8Array): void {
    const part = bytes.slice(0, this.#max - this.#size);
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#size += part.length;
  }

  whole(): Uint8Array {
    const whole = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.#parts) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }
}

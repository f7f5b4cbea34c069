import type { AgentLink, ProcessEnd, StartSpec } from "../../ports/agent-link.ts";

/** Bytes that may be on their way to a process: what its agent queues. */
const WINDOW_BYTES = 1024 * 1024;
/** Bytes kept of each stream of its output: the head. */
const OUTPUT_BYTES_MAX = 16 * 1024;

export interface Fed {
  readonly end: ProcessEnd;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a process with all of a source as its input, at its pace. Ends when the process does, even where it has not read everything.
 * Throws what the source throws, and where the agent is lost; the process is then told to end.
 */
export async function feedProcess(link: AgentLink, spec: StartSpec, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<Fed> {
  const stream = await link.open(spec);
  const ended = Promise.withResolvers<ProcessEnd>();
  // Whoever waits for room or for a piece learns of the end there.
  ended.promise.catch(() => undefined);
  const output = { stdout: "", stderr: "" };
  const decoder = new TextDecoder();
  let inFlight = 0;
  let room = Promise.withResolvers<void>();
  stream.onEvent((event) => {
    switch (event.kind) {
      case "stdout":
      case "stderr":
        if (output[event.kind].length < OUTPUT_BYTES_MAX) output[event.kind] += decoder.decode(event.bytes);
        return;
      case "stdin_room":
        inFlight -= event.bytes;
        room.resolve();
        return;
      case "exit":
        return ended.resolve(event);
      case "failed":
        return ended.reject(new Error(`the agent said no more: ${event.code} ${event.message}`));
      case "stdin_full":
      case "stdin_gap":
        return ended.reject(new Error("the agent dropped a part of the input"));
      case "gap":
        return;
    }
  });
  const onAbort = (): void => ended.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const pieces = source[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await Promise.race([pieces.next(), ended.promise]);
      if ("kind" in next) break;
      if (next.done === true) {
        stream.closeStdin();
        break;
      }
      if (!(await sendPiece(next.value))) break;
    }
    return { end: await ended.promise, ...output };
  } catch (error) {
    stream.cancel("stopped", 0);
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
    stream.close();
    // Not awaited: a source that waits for its own next piece ends when that comes, or with the signal.
    void pieces.return?.().catch(() => undefined);
  }

  /** Whether the process is still there to take more. */
  async function sendPiece(piece: Uint8Array): Promise<boolean> {
    for (let at = 0; at < piece.length;) {
      while (inFlight >= WINDOW_BYTES) {
        room = Promise.withResolvers();
        const over = await Promise.race([room.promise.then(() => false), ended.promise.then(() => true)]);
        if (over) return false;
      }
      const part = piece.subarray(at, at + WINDOW_BYTES - inFlight);
      stream.sendStdin(part);
      inFlight += part.length;
      at += part.length;
    }
    return true;
  }
}

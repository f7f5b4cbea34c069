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
export async function feedProcess(
  link: Pick<AgentLink, "open">,
  spec: StartSpec,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Fed> {
  const stream = await link.open(spec);
  const ended = Promise.withResolvers<ProcessEnd>();
  // Waited for at the end only: a promise that lasts keeps all that ever waited for it beside something else, and each piece with it.
  ended.promise.catch(() => undefined);
  let isOver = false;
  /** Whoever waits for room or for a piece learns here that the process is over. */
  let wake = (): void => undefined;
  let makeRoom = (): void => undefined;
  const over = (settle: () => void): void => {
    settle();
    isOver = true;
    wake();
  };
  const fail = (error: unknown): void => over(() => ended.reject(error));
  const output = { stdout: "", stderr: "" };
  const decoders = { stdout: new TextDecoder(), stderr: new TextDecoder() };
  let inFlight = 0;
  stream.onEvent((event) => {
    switch (event.kind) {
      case "stdout":
      case "stderr":
        if (output[event.kind].length < OUTPUT_BYTES_MAX) output[event.kind] += decoders[event.kind].decode(event.bytes, { stream: true });
        return;
      case "stdin_room":
        inFlight -= event.bytes;
        makeRoom();
        return;
      case "exit":
        return over(() => ended.resolve(event));
      case "failed":
        return fail(new Error(`the agent said no more: ${event.code} ${event.message}`));
      case "stdin_full":
      case "stdin_gap":
        return fail(new Error("the agent dropped a part of the input"));
      case "gap":
        return;
    }
  });
  const onAbort = (): void => fail(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  const pieces = source[Symbol.asyncIterator]();
  try {
    while (!isOver) {
      const next = await unlessOver(pieces.next());
      if (next === null) break;
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

  /** What a promise brings, or `null` where the process is over first. */
  function unlessOver<T>(coming: Promise<T>): Promise<T | null> {
    return new Promise((resolve, reject) => {
      wake = () => resolve(null);
      coming.then(resolve, reject);
      if (isOver) wake();
    });
  }

  /** Whether the process is still there to take more. */
  async function sendPiece(piece: Uint8Array): Promise<boolean> {
    for (let at = 0; at < piece.length;) {
      while (inFlight >= WINDOW_BYTES) {
        const room = new Promise<true>((resolve) => (makeRoom = () => resolve(true)));
        if ((await unlessOver(room)) === null) return false;
      }
      const part = piece.subarray(at, at + WINDOW_BYTES - inFlight);
      stream.sendStdin(part);
      inFlight += part.length;
      at += part.length;
    }
    return true;
  }
}

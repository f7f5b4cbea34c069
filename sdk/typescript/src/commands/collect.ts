import { CommandTimeoutError } from "../api-errors.ts";
import { ERRORS } from "../contract/operations.ts";
import { StreamError } from "../errors.ts";
import { concat } from "../transport/bytes.ts";
import type { CommandFacts } from "./command-result.ts";
import { CommandResult } from "./command-result.ts";
import type { ExitEvent, ProcessEvent } from "./process-event.ts";

/** Bytes of a stream that a result keeps, from its beginning: as many as the server's own. */
export const RESULT_BYTES_MAX = 16 * 1024 * 1024;

/** Reads a process to its end and makes the result that a foreground command has. */
export async function collect(events: AsyncIterable<ProcessEvent>): Promise<CommandResult> {
  const kept = { stdout: new Head(), stderr: new Head() };
  let started: { readonly pid: number; readonly id: string } | undefined;
  for await (const event of events) {
    switch (event.type) {
      case "start":
        started = event;
        break;
      case "stdout":
      case "stderr":
        kept[event.type].add(event.bytes);
        break;
      case "gap":
        kept.stdout.lost ||= event.stdout_bytes > 0;
        kept.stderr.lost ||= event.stderr_bytes > 0;
        break;
      case "exit":
        return resultOfEnd(event, started, kept);
    }
  }
  throw new StreamError("bad_message", "the stream ended without the process's end");
}

/** The beginning of a stream. */
class Head {
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;
  lost = false;

  add(bytes: Uint8Array): void {
    const room = RESULT_BYTES_MAX - this.#bytes;
    if (room <= 0) return;
    this.#parts.push(bytes.length > room ? bytes.subarray(0, room) : bytes);
    this.#bytes += Math.min(room, bytes.length);
  }

  whole(): Uint8Array {
    return concat(this.#parts);
  }
}

function resultOfEnd(
  exit: ExitEvent,
  started: { readonly pid: number; readonly id: string } | undefined,
  kept: { readonly stdout: Head; readonly stderr: Head },
): CommandResult {
  const stdout = kept.stdout.whole();
  const stderr = kept.stderr.whole();
  const facts: CommandFacts = {
    ...exit,
    id: started?.id ?? "",
    pid: started?.pid ?? null,
    evidence: null,
    stdout_truncated: kept.stdout.lost || exit.stdout_bytes > stdout.length,
    stderr_truncated: kept.stderr.lost || exit.stderr_bytes > stderr.length,
  };
  return new CommandResult(facts, stdout, stderr);
}

/** The error that a foreground command has that was killed at its timeout. */
export function timeoutOf(result: CommandResult): CommandTimeoutError {
  const { status, message } = ERRORS.timeout;
  const details = { ...result.facts(), stdout: result.stdout, stderr: result.stderr, encoding: "utf-8" };
  return new CommandTimeoutError({ status, code: "timeout", message, requestId: null, details, retryAfterSec: null });
}

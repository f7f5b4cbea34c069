import type { ExitEvent, ProcessStream } from "capsuled";
import type { Context } from "./context.ts";
import { EXIT } from "./exit.ts";
import { onInterrupt } from "./interrupt.ts";

export interface FollowOptions {
  /** What the first Ctrl-C does, given the exit code that is due where it ends this; asks the command to end by default. */
  readonly interrupt?: (exitCode: number) => void;
  /** What is done before the second one leaves. */
  readonly leave?: () => unknown;
  /** Whether this program's standard input is the command's. */
  readonly withStdin?: boolean;
}

/** Passes a process's output on as it comes, byte by byte; gives its end. `null`: it was left. */
export async function followProcess(context: Context, stream: ProcessStream, options: FollowOptions = {}): Promise<ExitEvent | null> {
  const stop = options.interrupt ?? ((): void => void stream.stop().catch(() => {}));
  let isAskedToEnd = false;
  const interrupt = (exitCode: number): void => {
    isAskedToEnd = true;
    stop(exitCode);
  };
  const quiet = onInterrupt(context.process, interrupt, options.leave ?? (() => {}));
  if (options.withStdin === true) void passStdin(context.process, stream);
  try {
    for await (const event of stream) {
      switch (event.type) {
        case "start":
          if (context.json) context.say(JSON.stringify(event));
          break;
        case "stdout":
        case "stderr":
          if (context.json) context.say(JSON.stringify({ type: event.type, data: event.data, seq: event.seq }));
          else await context.write(event.type, event.bytes);
          break;
        case "gap":
          if (context.json) context.say(JSON.stringify(event));
          else context.note(`capsuled: ${event.stdout_bytes + event.stderr_bytes} bytes of its output are not kept any more`);
          break;
        case "exit":
          if (context.json) context.say(JSON.stringify(event));
          // An exit code above 128 may be the program's own.
          else if (event.signal !== null && !isAskedToEnd)
            context.note(`capsuled: the command was ended by ${event.signal} (${event.reason})`);
          return event;
      }
    }
    return null;
  } finally {
    quiet();
  }
}

async function passStdin(process: NodeJS.Process, stream: ProcessStream): Promise<void> {
  try {
    for await (const chunk of process.stdin) await stream.write(Buffer.isBuffer(chunk) ? chunk : String(chunk));
    await stream.closeStdin();
  } catch {
    // The command has ended, or the stream tells what is wrong.
  }
}

/** What a command's end means for this program: its own exit code, but where its time ran out. */
export function exitCodeOfEnd(end: ExitEvent | null): number {
  if (end === null) return EXIT.interrupted;
  return end.reason === "timed_out" ? EXIT.timeout : end.exit_code;
}

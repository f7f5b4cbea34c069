import type { Terminal, TerminalExitEvent } from "capsuled";
import type { Context } from "./context.ts";
import { EXIT, ExitError } from "./exit.ts";
import { onInterrupt } from "./interrupt.ts";

/** Ctrl-], which leaves the terminal without ending it. */
const DETACH = 0x1d;

/** What SIGTERM and a closed window do: leave the terminal for later, or end what runs in it. Ctrl-C is a key like others. */
interface SessionOptions {
  readonly onSignal: "leave" | "kill";
}

/** How a session ended. */
export interface SessionEnd extends TerminalExitEvent {
  /** Whether its program had ended before anything was typed here. */
  readonly isUntouched: boolean;
}

/** Puts this terminal in the place of the capsule's until its program ends, or Ctrl-] is pressed. Gives the end; `null`: it was left. */
export async function useTerminal(context: Context, terminal: Terminal, { onSignal }: SessionOptions): Promise<SessionEnd | null> {
  const { stdin, stdout } = context.process;
  const { notice } = context;
  const size = (): void => void terminal.resize(stdout.columns, stdout.rows).catch(() => {});
  let leftWith: number | null = null;
  let isUntouched = true;
  const leave = (exitCode: number): void => {
    leftWith = exitCode;
    terminal.detach();
  };
  const typed = (chunk: Buffer): void => {
    isUntouched = false;
    const at = chunk.indexOf(DETACH);
    const keys = at === -1 ? chunk : chunk.subarray(0, at);
    if (keys.length > 0) void terminal.write(keys).catch(() => {});
    if (at !== -1) leave(EXIT.ok);
  };
  const interrupt = (exitCode: number): void => {
    if (onSignal === "leave") leave(exitCode);
    else void terminal.kill().catch(() => leave(exitCode));
  };
  const quiet = onInterrupt(context.process, interrupt, () => stdin.setRawMode(false));
  notice.overTerminal();
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on("data", typed);
  stdout.on("resize", size);
  size();
  try {
    for await (const event of terminal) {
      if (event.type === "output") await context.write("stdout", event.bytes);
      if (event.type === "exit") return { ...event, isUntouched };
    }
    if (leftWith !== null && leftWith !== EXIT.ok) throw new ExitError(leftWith);
    return null;
  } finally {
    quiet();
    notice.leaveTerminal();
    stdout.off("resize", size);
    stdin.off("data", typed);
    stdin.setRawMode(false);
    stdin.pause();
  }
}

/** Refuses where there is no terminal to put in the place of another. `instead`: what to do without one. */
export function requireTerminal(context: Context, instead: string): void {
  const { stdin, stdout } = context.process;
  if (stdin.isTTY !== true || stdout.isTTY !== true) {
    throw new ExitError(EXIT.usage, `This needs a terminal on both ends, and standard input or output is none: ${instead}.`);
  }
}

import type { Terminal } from "capsuled";
import type { Context } from "./context.ts";
import { EXIT, ExitError } from "./exit.ts";

/** Ctrl-], which leaves the terminal without ending it. */
const DETACH = 0x1d;

/** Puts this terminal in the place of the capsule's until its program ends, or Ctrl-] is pressed. Gives the exit code; `null`: detached. */
export async function useTerminal(context: Context, terminal: Terminal): Promise<number | null> {
  const { stdin, stdout } = context.process;
  const size = (): void => void terminal.resize(stdout.columns, stdout.rows).catch(() => {});
  let isDetached = false;
  const typed = (chunk: Buffer): void => {
    const at = chunk.indexOf(DETACH);
    const keys = at === -1 ? chunk : chunk.subarray(0, at);
    if (keys.length > 0) void terminal.write(keys).catch(() => {});
    if (at === -1) return;
    isDetached = true;
    terminal.detach();
  };
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on("data", typed);
  stdout.on("resize", size);
  size();
  try {
    for await (const event of terminal) {
      if (event.type === "output") await context.write("stdout", event.bytes);
      if (event.type === "exit") return event.exit_code;
    }
    if (isDetached) return null;
    return 1;
  } finally {
    stdout.off("resize", size);
    stdin.off("data", typed);
    stdin.setRawMode(false);
    stdin.pause();
  }
}

/** Refuses where there is no terminal to put in the place of another. */
export function requireTerminal(context: Context): void {
  const { stdin, stdout } = context.process;
  if (stdin.isTTY !== true || stdout.isTTY !== true) {
    throw new ExitError(
      EXIT.usage,
      "This needs a terminal on both ends; standard input or output is none. For scripts there is `capsuled exec`.",
    );
  }
}

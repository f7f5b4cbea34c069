import type { Context } from "./context.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const;
const FRAME_MS = 80;
/** Milliseconds after which something takes long enough to be told. */
const QUIET_MS = 300;

/** Shows that something is under way, where a person looks, and how far; nothing otherwise. */
export async function withProgress<T>(context: Context, text: string | (() => string), work: Promise<T>): Promise<T> {
  const { stderr } = context.process;
  if (stderr.isTTY !== true || context.json) return work;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    const line = `${FRAMES[frame % FRAMES.length] ?? ""} ${typeof text === "string" ? text : text()}`;
    // A line that is broken by the terminal could not be taken back.
    stderr.write(`\r\u001b[K${line.slice(0, Math.max(1, stderr.columns - 1))}`);
    frame += 1;
  };
  const begin = setTimeout(() => (timer = setInterval(draw, FRAME_MS)), QUIET_MS);
  try {
    return await work;
  } finally {
    clearTimeout(begin);
    clearInterval(timer);
    if (frame > 0) stderr.write("\r\u001b[K");
  }
}

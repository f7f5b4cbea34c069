import type { Context } from "./context.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const;
const FRAME_MS = 80;
/** Milliseconds after which something takes long enough to be told. */
const QUIET_MS = 300;

/** Shows that something is under way, where a person looks; nothing otherwise. */
export async function withProgress<T>(context: Context, text: string, work: Promise<T>): Promise<T> {
  const { stderr } = context.process;
  if (stderr.isTTY !== true || context.json) return work;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    stderr.write(`\r\u001b[K${FRAMES[frame % FRAMES.length] ?? ""} ${text}`);
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

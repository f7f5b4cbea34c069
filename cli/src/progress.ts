import type { Context } from "./context.ts";
import { bytesText } from "./table.ts";

const FRAMES = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"] as const;
const FRAME_MS = 80;
/** Milliseconds after which something takes long enough to be told. */
const QUIET_MS = 300;
/** Columns of a bar, and of a terminal that says none. */
const BAR = 24;
const COLUMNS = 80;

/** Shows that something is under way, where a person looks, and how far; nothing otherwise. */
export async function withProgress<T>(context: Context, text: string | ((columns: number) => string), work: Promise<T>): Promise<T> {
  const { stderr } = context.process;
  if (stderr.isTTY !== true || context.json) return work;
  let frame = 0;
  let timer: NodeJS.Timeout | undefined;
  const draw = (): void => {
    // A line that the terminal breaks could not be taken back.
    const columns = Math.max(1, (stderr.columns || COLUMNS) - 1);
    const line = `${FRAMES[frame % FRAMES.length] ?? ""} ${typeof text === "string" ? text : text(columns - 2)}`;
    stderr.write(`\r\u001b[K${line.slice(0, columns)}`);
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

/** How far something is, as wide as there is room: with a bar where it is known how much there is. */
export function progressText(what: string, doneBytes: number, totalBytes: number | null, columns: number): string {
  if (totalBytes === null || totalBytes === 0) return `${what}  ${bytesText(doneBytes)}`;
  const part = Math.min(1, doneBytes / totalBytes);
  const filled = Math.round(part * BAR);
  const percent = `${String(Math.floor(part * 100)).padStart(3)} %`;
  const forms = [
    `${what}  ${"█".repeat(filled)}${"░".repeat(BAR - filled)}  ${percent}  ${bytesText(doneBytes)} of ${bytesText(totalBytes)}`,
    `${what}  ${percent}  ${bytesText(doneBytes)}`,
    `${what} ${percent}`,
  ];
  return forms.find((form) => form.length <= columns) ?? percent;
}

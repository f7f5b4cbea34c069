import { stripVTControlCharacters } from "node:util";
import type { Context } from "./context.ts";
import { cutTo, padTo, widthOf } from "./text-width.ts";

const COLOURS = { green: 32, yellow: 33, red: 31, dim: 2 } as const;

/** Text in a colour, where there are colours. */
export function coloured(context: Context, colour: keyof typeof COLOURS, text: string): string {
  return context.hasColour ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
}

/** A status in the colour of how good it is. */
export function statusOf(context: Context, status: string): string {
  if (status === "running" || status === "succeeded") return coloured(context, "green", status);
  if (status === "error" || status === "failed" || status === "timed_out") return coloured(context, "red", status);
  return coloured(context, "yellow", status);
}

/** What is to be pasted, and so is never cut. */
const WHOLE: ReadonlySet<string> = new Set(["ID", "URL"]);
/** Columns that are left of others, at least. */
const COLUMN_MIN = 8;
const GAP = 2;

/**
 * Columns under their names. What comes from capsules is made `plain` before. On a terminal that is too narrow the widest columns are cut;
 * where that does not do, each row stands below itself, a line for each of its cells.
 */
export function table(context: Context, names: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [names, ...rows];
  const widths = names.map((_, column) => all.reduce((widest, row) => Math.max(widest, widthOf(row[column] ?? "")), 0));
  const { columns } = context;
  const room = columns === undefined ? widths : fitting(names, widths, columns - GAP * (names.length - 1));
  if (room === null && rows.length === 0) return coloured(context, "dim", cutTo(names.join(" ".repeat(GAP)), columns ?? 0));
  if (room === null) return rows.map((row) => record(context, names, row)).join("\n\n");
  const lines = all.map((row) =>
    row
      .map((cell, column) => {
        const width = room[column] ?? 0;
        const shown = columns === undefined ? cell : cutTo(cell, width);
        return column === names.length - 1 ? shown : padTo(shown, width + GAP);
      })
      .join("")
      .trimEnd(),
  );
  const [head = "", ...rest] = lines;
  return [coloured(context, "dim", head), ...rest].join("\n");
}

/** Widths that are no more together than there is room for; `null` where too little would be left of one. */
function fitting(names: readonly string[], widths: readonly number[], room: number): readonly number[] | null {
  const fitted = [...widths];
  for (;;) {
    const excess = fitted.reduce((sum, width) => sum + width, 0) - room;
    if (excess <= 0) return fitted;
    const cuttable = fitted.flatMap((width, column) => (WHOLE.has(names[column] ?? "") || width <= COLUMN_MIN ? [] : [{ width, column }]));
    const [widest, next] = cuttable.toSorted((a, b) => b.width - a.width);
    if (widest === undefined) return null;
    // Down to the next widest first; two that are as wide take turns.
    fitted[widest.column] = Math.max(COLUMN_MIN, widest.width - excess, Math.min(next?.width ?? 0, widest.width - 1));
  }
}

/** A row with the names of its columns beside its cells. */
function record(context: Context, names: readonly string[], row: readonly string[]): string {
  const width = Math.max(...names.map((name) => name.length)) + GAP;
  const room = (context.columns ?? Number.POSITIVE_INFINITY) - width;
  return names
    .map((name, column) => {
      const cell = row[column] ?? "";
      return `${coloured(context, "dim", name.padEnd(width))}${WHOLE.has(name) ? cell : cutTo(cell, room)}`;
    })
    .join("\n");
}

/** Text of strangers on one line, without what a terminal would obey. */
export function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return stripVTControlCharacters(text).replaceAll(/[\u0000-\u001f\u007f-\u009f]+/g, " ");
}

/** The same of several lines, which stay lines. */
export function plainLines(text: string): string {
  return text.split("\n").map(plain).join("\n");
}

/** How long ago, in one unit. */
export function ago(timestamp: string | null): string {
  if (timestamp === null) return "-";
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(timestamp)) / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** A size as people say it. */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"] as const;
  const power = bytes < 1024 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** power;
  return `${power === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[power] ?? ""}`;
}

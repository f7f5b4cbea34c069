import { stripVTControlCharacters } from "node:util";
import type { Context } from "./context.ts";
import { padTo, widthOf } from "./text-width.ts";

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

/** Columns under their names. What comes from capsules is made `plain` before. */
export function table(context: Context, names: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [names, ...rows];
  const widths = names.map((_, column) => all.reduce((widest, row) => Math.max(widest, widthOf(row[column] ?? "")), 0));
  const lines = all.map((row) =>
    row
      .map((cell, column) => (column === names.length - 1 ? cell : padTo(cell, (widths[column] ?? 0) + 2)))
      .join("")
      .trimEnd(),
  );
  const [head = "", ...rest] = lines;
  return [coloured(context, "dim", head), ...rest].join("\n");
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

import type { BenchServer } from "./server.ts";
import type { Load } from "./load.ts";

/** One measured figure. */
export interface Row {
  readonly what: string;
  /** Ours, the floor, or what users would pick instead. */
  readonly of: "capsuled" | "floor" | "docker" | "webhook" | "bare node";
  readonly value: number;
  readonly unit: "ms" | "us" | "/s" | "MB/s" | "MiB" | "KiB";
  /** How often it was measured, and what else the reader must know. */
  readonly note: string;
}

export interface BenchContext {
  readonly server: BenchServer;
  readonly load: Load;
  /** 1 is the whole measurement; less is quicker and rougher. */
  readonly scale: number;
}

export function renderTable(rows: readonly Row[]): string {
  const cells = rows.map((row) => [
    row.what,
    row.of,
    `${row.value >= 100 ? row.value.toFixed(0) : row.value.toFixed(2)} ${row.unit}`,
    row.note,
  ]);
  const head = ["what", "of", "value", "note"];
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((line) => line[column]?.length ?? 0)));
  const line = (parts: readonly string[]): string =>
    parts
      .map((part, column) => (column === 2 ? part.padStart(widths[column] ?? 0) : part.padEnd(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...cells.map(line)].join("\n");
}

export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * part)] ?? Number.NaN;
}

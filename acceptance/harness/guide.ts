import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** A fenced block of a document. */
export interface Block {
  readonly language: string;
  /** What stands after the language: a file's name. */
  readonly name: string;
  readonly text: string;
  readonly line: number;
}

export function blocksOf(document: string): readonly Block[] {
  const text = readFileSync(fileURLToPath(new URL(`../../${document}`, import.meta.url)), "utf8");
  return [...text.matchAll(/^```(\w+) ?(\S*)\n([\s\S]*?)^```$/gm)].map((match) => ({
    language: match[1] ?? "",
    name: match[2] ?? "",
    text: match[3] ?? "",
    line: text.slice(0, match.index).split("\n").length,
  }));
}

/** What a document shows of an output, with `…` for what differs from time to time. */
export function shown(text: string): RegExp {
  const parts = text.split("…").map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^\\n]*")}$`);
}

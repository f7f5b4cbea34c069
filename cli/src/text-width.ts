import { stripVTControlCharacters } from "node:util";

const SEGMENTER = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** Scripts and signs that terminals draw two columns wide (East Asian Wide and Fullwidth). */
const WIDE =
  /^[\u1100-\u115f\u2e80-\u303e\u3041-\u33ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/u;

/** Columns that a terminal takes for a text of one line. */
export function widthOf(text: string): number {
  let width = 0;
  for (const { segment } of SEGMENTER.segment(stripVTControlCharacters(text))) width += columnsOf(segment);
  return width;
}

/** A text with blanks behind it, up to so many columns. */
export function padTo(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - widthOf(text)));
}

/** A text in at most so many columns: what is longer is cut, and ends with …; colours are lost with it. */
export function cutTo(text: string, columns: number): string {
  if (widthOf(text) <= columns) return text;
  let kept = "";
  let width = 1;
  for (const { segment } of SEGMENTER.segment(stripVTControlCharacters(text))) {
    width += columnsOf(segment);
    if (width > columns) break;
    kept += segment;
  }
  return columns < 1 ? "" : `${kept.trimEnd()}…`;
}

/** What a terminal draws as one sign. */
function columnsOf(sign: string): number {
  if (/^[\p{Mark}\p{Cf}]+$/u.test(sign)) return 0;
  return WIDE.test(sign) || /^\p{Emoji_Presentation}|\ufe0f/u.test(sign) ? 2 : 1;
}

/** A text of words in lines of at most so many columns, where its words are no longer. */
export function wrapped(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && widthOf(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

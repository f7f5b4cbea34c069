/** Slips that a suggestion forgives, for so many characters of the word. */
const CHARS_PER_SLIP = 3;

/** The word that was probably meant, `null` where none is near: a letter too many, one too few, another one, or two that are swapped. */
export function nearest(word: string, words: readonly string[]): string | null {
  const found = words
    .map((one) => ({ one, slips: slipsBetween(word, one) }))
    .filter(({ one, slips }) => slips <= Math.max(1, Math.floor(Math.min(word.length, one.length) / CHARS_PER_SLIP)))
    .sort((a, b) => a.slips - b.slips);
  return found[0]?.one ?? null;
}

/** `; did you mean X?`, or nothing. */
export function suggestion(word: string, words: readonly string[], prefix = ""): string {
  const found = nearest(word, words);
  return found === null ? "" : `; did you mean ${prefix}${found}?`;
}

function slipsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)];
  const at = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1];
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          at(i - 1, j) + 1,
          at(i, j - 1) + 1,
          at(i - 1, j - 1) + (isSame ? 0 : 1),
          isSwapped ? at(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return at(a.length, b.length);
}

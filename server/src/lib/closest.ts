/** Letters that may be wrong in a word for another one to be meant, and letters of a word that is looked at. */
const TYPOS_MAX = 2;
const WORD_CHARS_MAX = 64;

/** `; did you mean name?` when one of the candidates is near, else nothing. */
export function closest(word: string, candidates: readonly string[]): string {
  if (word.length > WORD_CHARS_MAX) return "";
  const near = candidates
    .filter((candidate) => Math.abs(candidate.length - word.length) <= TYPOS_MAX)
    .map((candidate) => ({ candidate, typos: distance(word, candidate) }))
    .filter(({ candidate, typos }) => typos <= TYPOS_MAX && typos < candidate.length)
    .toSorted((left, right) => left.typos - right.typos);
  return near[0] === undefined ? "" : `; did you mean ${near[0].candidate}?`;
}

/** Letters to add, drop or change (Levenshtein). */
function distance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let left = 1; left <= from.length; left += 1) {
    const next = [left];
    for (let right = 1; right <= to.length; right += 1) {
      const change = (row[right - 1] ?? 0) + (from[left - 1] === to[right - 1] ? 0 : 1);
      next.push(Math.min(change, (row[right] ?? 0) + 1, (next[right - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

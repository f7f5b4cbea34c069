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

/**
 * Letters to add, drop or change (Levenshtein), or more than `TYPOS_MAX`. Only the cells that can still come to so few are looked at
 * (Ukkonen's band), since words come from strangers: a comparison is a few hundred steps at most, and mostly a dozen.
 */
function distance(from: string, to: string): number {
  const far = TYPOS_MAX + 1;
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let left = 1; left <= from.length; left += 1) {
    const next: number[] = [];
    next[0] = left;
    let least = left;
    for (let right = Math.max(1, left - TYPOS_MAX); right <= Math.min(to.length, left + TYPOS_MAX); right += 1) {
      const change = (row[right - 1] ?? far) + (from[left - 1] === to[right - 1] ? 0 : 1);
      const cell = Math.min(change, (row[right] ?? far) + 1, (next[right - 1] ?? far) + 1);
      next[right] = cell;
      least = Math.min(least, cell);
    }
    if (least > TYPOS_MAX) return far;
    row = next;
  }
  return row[to.length] ?? far;
}

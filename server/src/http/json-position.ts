/** Characters of a text whose fault is looked for; in a longer one the search would hold up the event loop. */
export const SEARCHED_CHARS_MAX = 64 * 1024;

/** Where a text that `JSON.parse` refuses goes wrong, in words and without repeating any of it. */
export function jsonFault(text: string): string {
  if (text.length > SEARCHED_CHARS_MAX) return "unexpected character";
  // The parser does not always say where it stopped. A cut before the fault fails at its own end, a cut after it does not.
  let good = 0;
  let bad = text.length + 1;
  while (bad - good > 1) {
    const middle = (good + bad) >>> 1;
    if (failsAtItsEnd(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  if (good === text.length) return `it ends too early, after ${text.length} characters`;
  const before = text.slice(0, good);
  const line = before.split("\n").length;
  return `unexpected character at line ${line}, column ${good - before.lastIndexOf("\n")}`;
}

function failsAtItsEnd(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const message = error instanceof Error ? error.message : "";
    const position = /position (\d+)/.exec(message)?.[1];
    return message.startsWith("Unexpected end") || message.startsWith("Unterminated string") || position === String(text.length);
  }
}

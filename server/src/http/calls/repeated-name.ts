/** A name that an object of valid JSON has twice at its top: a parser takes the last one and says nothing. `undefined` where there is none. */
export function repeatedName(json: string): string | undefined {
  const seen = new Set<string>();
  let depth = 0;
  let isName = false;
  for (let at = 0; at < json.length; at += 1) {
    const char = json[at];
    if (char === "{" || char === "[" || char === ",") {
      if (char !== ",") depth += 1;
      isName = depth === 1;
    } else if (char === "}" || char === "]") depth -= 1;
    else if (char === '"') {
      const end = endOfText(json, at);
      // As it is meant: the same name may be written in two ways.
      const name = isName ? String(JSON.parse(json.slice(at, end))) : undefined;
      if (name !== undefined && seen.has(name)) return name;
      if (name !== undefined) seen.add(name);
      isName = false;
      at = end - 1;
    }
  }
  return undefined;
}

/** Behind the closing quote of the text that begins at `from`. */
function endOfText(json: string, from: number): number {
  let at = from + 1;
  while (at < json.length && json[at] !== '"') at += json[at] === "\\" ? 2 : 1;
  return at + 1;
}

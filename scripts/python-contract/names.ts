/** Python's own words: a field of such a name gets an underscore behind it. */
const KEYWORDS: ReadonlySet<string> = new Set(
  "False None True and as assert async await break class continue def del elif else except finally for from global if import in is lambda nonlocal not or pass raise return try while with yield".split(
    " ",
  ),
);

/** How a field of the API is called in Python. */
export function attribute(name: string): string {
  const plain = name.replaceAll(/[^A-Za-z0-9_]/g, "_");
  return KEYWORDS.has(plain) ? `${plain}_` : plain;
}

export function isKeyword(name: string): boolean {
  return KEYWORDS.has(name);
}

/** `process.ended` and `stdout_bytes` as parts of a class's name. */
export function pascal(text: string): string {
  return text
    .split(/[^A-Za-z0-9]+/)
    .filter((word) => word !== "")
    .map((word) => word[0]?.toUpperCase() + word.slice(1))
    .join("");
}

/** A text as Python writes it. */
export function quoted(text: string): string {
  return JSON.stringify(text);
}

/** A docstring, at this depth. */
export function docstring(text: string, indent: string): string {
  const safe = text.replaceAll("\\", "\\\\").replaceAll('"""', "'''").replace(/"$/, '" ');
  return `${indent}"""${safe}"""`;
}

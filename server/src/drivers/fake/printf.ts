const ESCAPES: Readonly<Record<string, string>> = { n: "\n", t: "\t", r: "\r", "\\": "\\", a: "\x07", b: "\b", f: "\f", v: "\v", '"': '"' };

/** `\n`, `\t`, `\xHH`, `\0NNN` and `\NNN`, as printf and `echo -e` know them. */
export function unescape(text: string): Buffer {
  const parts: Buffer[] = [];
  const pattern = /\\(?:x([0-9a-fA-F]{1,2})|0?([0-7]{1,3})|([^]))/g;
  let at = 0;
  for (const match of text.matchAll(pattern)) {
    const [whole, hex, octal, letter] = match;
    parts.push(Buffer.from(text.slice(at, match.index)));
    at = match.index + whole.length;
    if (hex !== undefined) parts.push(Buffer.from([Number.parseInt(hex, 16)]));
    else if (octal !== undefined) parts.push(Buffer.from([Number.parseInt(octal, 8) & 255]));
    else parts.push(Buffer.from(ESCAPES[letter ?? ""] ?? whole));
  }
  parts.push(Buffer.from(text.slice(at)));
  return Buffer.concat(parts);
}

/** `%s`, `%d`, `%%` and escapes; the pattern is used again while values are left. */
export function format(pattern: string, values: readonly string[]): Buffer {
  const parts: Buffer[] = [];
  let next = 0;
  do {
    const before = next;
    for (const piece of pattern.split(/(%[sd%])/)) {
      if (piece === "%%") parts.push(Buffer.from("%"));
      else if (piece === "%s") parts.push(Buffer.from(values[next++] ?? ""));
      else if (piece === "%d") parts.push(Buffer.from(String(Math.trunc(Number(values[next++] ?? 0)) || 0)));
      else parts.push(unescape(piece));
    }
    if (next === before) break;
  } while (next < values.length);
  return Buffer.concat(parts);
}

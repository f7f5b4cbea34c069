/** Of one connection only, so never passed on (RFC 9110, 7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

export type HeaderPair = readonly [name: string, value: string];

/** Names and values as they came, in their order, doubles included. */
export function pairsOf(rawHeaders: readonly string[]): readonly HeaderPair[] {
  const pairs: HeaderPair[] = [];
  for (let at = 0; at + 1 < rawHeaders.length; at += 2) pairs.push([rawHeaders[at] ?? "", rawHeaders[at + 1] ?? ""]);
  return pairs;
}

/** Headers that are for both ends, with their names in lower case. The length of a body is not among them: whoever sends says it anew. */
export function endToEnd(rawHeaders: readonly string[]): readonly (readonly [lower: string, name: string, value: string])[] {
  const pairs = pairsOf(rawHeaders);
  const named = new Set(
    pairs.flatMap(([name, value]) =>
      name.toLowerCase() === "connection" ? value.split(",").map((part) => part.trim().toLowerCase()) : [],
    ),
  );
  return pairs.flatMap(([name, value]) => {
    const lower = name.toLowerCase();
    return HOP_BY_HOP.has(lower) || named.has(lower) || lower === "content-length" ? [] : [[lower, name, value] as const];
  });
}

/** What a registry wants to see, from its `WWW-Authenticate`. */
export type Challenge =
  | { readonly scheme: "basic" }
  | { readonly scheme: "bearer"; readonly realm: string; readonly service: string | null; readonly scope: string | null };

/** The first challenge that can be met; `null` for none. */
export function readChallenge(header: string | readonly string[] | undefined): Challenge | null {
  const text = typeof header === "string" ? header : (header?.join(", ") ?? "");
  const bearer = /(?:^|,\s*)bearer\s+(.*)$/i.exec(text.slice(0, 4096))?.[1];
  if (bearer !== undefined) {
    const values = new Map([...bearer.matchAll(/([a-z_]+)="([^"]*)"/gi)].map((match) => [match[1]?.toLowerCase(), match[2] ?? ""]));
    const realm = values.get("realm");
    if (realm !== undefined) return { scheme: "bearer", realm, service: values.get("service") ?? null, scope: values.get("scope") ?? null };
  }
  return /(?:^|,\s*)basic(?:\s|$)/i.test(text) ? { scheme: "basic" } : null;
}

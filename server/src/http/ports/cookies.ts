/** The cookie that a signed link leaves on the port's own host name. */
export const PORT_COOKIE = "capsuled_port";

/** The values of our cookie in a request; a page of another port may have planted more of them. */
export function ourCookies(header: string | undefined): readonly string[] {
  return cookiesOf(header).flatMap((cookie) => (isOurs(cookie) ? [cookie.slice(cookie.indexOf("=") + 1)] : []));
}

/** A request's cookies without ours; empty where there are no others. */
export function withoutOurCookies(header: string): string {
  return cookiesOf(header)
    .filter((cookie) => !isOurs(cookie))
    .join("; ");
}

/**
 * A `Set-Cookie` for the port's own host name only: what is set for a whole domain would reach every other capsule below it, and the
 * API. `null` for one that has our cookie's name.
 */
export function hostOnly(setCookie: string): string | null {
  const [pair = "", ...attributes] = setCookie.split(";");
  if (isOurs(pair.trim())) return null;
  return [pair, ...attributes.filter((one) => !/^\s*domain\s*(?:=|$)/i.test(one))].join(";");
}

function cookiesOf(header: string | undefined): readonly string[] {
  return (header ?? "")
    .split(";")
    .map((cookie) => cookie.trim())
    .filter((cookie) => cookie !== "");
}

function isOurs(cookie: string): boolean {
  return /^capsuled_port\s*(?:=|$)/.test(cookie);
}

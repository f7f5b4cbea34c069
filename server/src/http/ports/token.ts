/** The parameter that a signed link carries. */
export const PORT_TOKEN = "capsuled_token";

/** A path and query without our parameter, and that parameter's value. The others stay as they were written: only the capsule knows what they mean. */
export function splitToken(target: string): { readonly url: string; readonly token: string | null } {
  const at = target.indexOf("?");
  if (at === -1 || !target.includes(`${PORT_TOKEN}=`, at)) return { url: target, token: null };
  const kept: string[] = [];
  let token: string | null = null;
  for (const part of target.slice(at + 1).split("&")) {
    if (part.startsWith(`${PORT_TOKEN}=`)) token = part.slice(PORT_TOKEN.length + 1);
    else kept.push(part);
  }
  return { url: target.slice(0, at) + (kept.length === 0 ? "" : `?${kept.join("&")}`), token };
}

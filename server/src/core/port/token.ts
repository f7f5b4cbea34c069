import type { Hmac } from "../ports/hmac.ts";

const SHAPE = /^([0-9a-z]{1,12})\.([0-9a-f]{64})$/;
const encoder = new TextEncoder();

/** `<expiry in base36>.<HMAC in hex>`: good for one port of one capsule. */
export function signPort(hmac: Hmac, key: Uint8Array, capsuleId: string, port: number, expiresAt: number): string {
  const expiry = expiresAt.toString(36);
  return `${expiry}.${macOf(hmac, key, capsuleId, port, expiry)}`;
}

/** When a token expires that is genuine and for this port; `undefined` for any other. Whether it has expired is the caller's to see. */
export function expiryOfToken(hmac: Hmac, key: Uint8Array, capsuleId: string, port: number, token: string): number | undefined {
  const [, expiry = "", mac = ""] = SHAPE.exec(token) ?? [];
  if (mac === "" || !isSame(mac, macOf(hmac, key, capsuleId, port, expiry))) return undefined;
  return Number.parseInt(expiry, 36);
}

function macOf(hmac: Hmac, key: Uint8Array, capsuleId: string, port: number, expiry: string): string {
  const mac = hmac.sha256(key, [encoder.encode(`capsule port\n${capsuleId}\n${port}\n${expiry}`)]);
  return Array.from(mac, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** In a time that does not tell where they differ. */
function isSame(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let at = 0; at < a.length; at += 1) difference |= a.charCodeAt(at) ^ b.charCodeAt(at);
  return difference === 0;
}

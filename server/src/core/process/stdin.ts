import { invalid } from "../fail.ts";

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/** The bytes of a `stdin` text. Throws `invalid_request` when it is not what its encoding says. */
export function decodeStdin(text: string, encoding: "utf-8" | "base64"): Uint8Array {
  if (encoding === "utf-8") return new TextEncoder().encode(text);
  if (text.length % 4 !== 0 || !BASE64.test(text)) throw invalid("stdin", "is not base64");
  const binary = atob(text);
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

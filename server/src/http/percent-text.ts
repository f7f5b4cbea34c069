import { isUtf8 } from "node:buffer";

/** Whether what percent signs say in this ASCII text is UTF-8: bytes that are none would be read as other ones, of another value. */
export function isPercentText(ascii: string): boolean {
  // Most have nothing of the kind, and this is looked at for each request.
  if (!/%[89a-f]/i.test(ascii)) return true;
  const bytes = ascii.replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return isUtf8(Buffer.from(bytes, "latin1"));
}

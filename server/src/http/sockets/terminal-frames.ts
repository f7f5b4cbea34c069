import type { TerminalFrames } from "@capsuled/contract";

/** The documented client's HTTP library. */
const DOCUMENTED_CLIENT = /^python-httpx\//;

/**
 * How output goes to a client that has not typed yet and does not say; `null`: as it begins to type, else in binary frames. Versions
 * of the documented client differ in it and in nothing else: the latest knows binary frames only, those before it JSON only.
 */
export function framesOf(userAgent: string | undefined): TerminalFrames | null {
  return userAgent !== undefined && DOCUMENTED_CLIENT.test(userAgent) ? null : "json";
}

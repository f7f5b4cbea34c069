import type { IncomingMessage } from "node:http";
import { fail } from "../../core/fail.ts";
import type { CorsPolicy } from "../cors.ts";

/**
 * A page in a browser can open a socket to anywhere, and no preflight asks first. So an Origin has to be the server's own
 * or a listed one. Clients that are no browsers send none.
 */
export function requireOwnOrigin(request: IncomingMessage, cors: CorsPolicy): void {
  const { origin, host } = request.headers;
  if (origin === undefined || cors.allows(origin)) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  throw fail("forbidden", "Pages of this origin may not open sockets here.");
}

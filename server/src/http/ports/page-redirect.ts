import type { IncomingMessage, ServerResponse } from "node:http";
import type { PortRedirect } from "./access.ts";
import { PORT_COOKIE } from "./cookies.ts";
import { schemeOf } from "./request-headers.ts";

/** The page comes back without the token in its address, which would otherwise be told to whoever it links to. */
export function sendPage(request: IncomingMessage, response: ServerResponse, { url, token, expiresAt }: PortRedirect, now: number): void {
  const seconds = Math.max(1, Math.floor((expiresAt - now) / 1000));
  const secure = schemeOf(request) === "https" ? "; Secure" : "";
  response.writeHead(302, {
    // Two slashes, or what browsers take for them, would lead to another host.
    Location: /^\/[/\\]/.test(url) ? "/" : url,
    "Set-Cookie": `${PORT_COOKIE}=${token}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${seconds}${secure}`,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Content-Length": "0",
  });
  response.end();
}

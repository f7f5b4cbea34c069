import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import { API_VERSION, VERSION_HEADER } from "@capsuled/contract";
import type { Log } from "../core/ports/log.ts";
import { renderProblem } from "./problem.ts";

/** Milliseconds that a peer has to take the answer before its connection is destroyed. */
const LINGER_MS = 2_000;

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/** Writes an error as a whole HTTP/1.1 answer on a connection that the HTTP server has let go of, and closes it. Returns its status. */
export function rawAnswer(socket: Duplex, error: unknown, requestId: string, log: Log = silent): number {
  const { status, body, headers, contentType } = renderProblem(error, requestId, log);
  const text = body ?? "";
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ""}`,
    `X-Request-Id: ${requestId}`,
    `${VERSION_HEADER}: ${API_VERSION}`,
    `Content-Type: ${contentType ?? "application/json"}`,
    `Content-Length: ${Buffer.byteLength(text)}`,
    "Cache-Control: no-store",
    "Connection: close",
    ...Object.entries(headers ?? {})
      .filter(([name]) => name !== "connection")
      .map(([name, value]) => `${name}: ${value}`),
  ];
  const linger = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once("close", () => clearTimeout(linger));
  // What the peer still sends is read and dropped: unread, it would turn the close into a reset that takes the answer with it.
  socket.resume();
  socket.end(`${lines.join("\r\n")}\r\n\r\n${text}`);
  return status;
}

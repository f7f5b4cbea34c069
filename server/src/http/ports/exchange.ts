import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";
import { request as httpRequest } from "node:http";
import type { Duplex } from "node:stream";
import { fail } from "../../core/fail.ts";
import { codeOf } from "../../lib/error-code.ts";
import type { PortOpening } from "./access.ts";
import type { PortAddress } from "./address.ts";
import { answerHead, RefusedAnswerError } from "./answer-head.ts";
import type { PortLimits } from "./limits.ts";
import type { Framing } from "./request-headers.ts";
import { hasBody, requestHeaders } from "./request-headers.ts";

const NOTHING = new Uint8Array(0);

/** One request to a port, over a connection of its own: nothing that one leaves on it can reach another. */
export interface Forwarding {
  readonly request: IncomingMessage;
  readonly address: PortAddress;
  readonly opening: PortOpening;
  readonly framing: Framing;
  /** The connection to what listens. */
  readonly capsule: Duplex;
  readonly limits: PortLimits;
}

/** Sends the head of a request on. The body is the caller's to send. */
export function forward({ request, address, opening, framing, capsule, limits }: Forwarding, extra: readonly string[] = []): ClientRequest {
  const upstream = httpRequest({
    createConnection: () => capsule,
    method: request.method ?? "GET",
    path: opening.url,
    headers: [...requestHeaders(request, address, framing), ...extra],
    setHost: false,
    maxHeaderSize: limits.headBytesMax,
  });
  // The bound is in bytes: a header that is dropped could be the one that says where the body ends.
  upstream.maxHeadersCount = 0;
  // It comes paused; now its reader is there.
  upstream.once("socket", (socket) => socket.resume());
  return upstream;
}

/** Rejects with what is to be answered, unless the answer has begun: then an answer that breaks off breaks the connection off. */
export function exchange(forwarding: Forwarding, response: ServerResponse): Promise<void> {
  const { request, framing } = forwarding;
  return new Promise((resolve, reject) => {
    const upstream = forward(forwarding);
    upstream.once("response", (answer) => {
      try {
        beginAnswer(forwarding, answer, response);
      } catch (error) {
        upstream.destroy();
        return reject(portError(error));
      }
      passBody(forwarding, answer, response);
      response.once("close", resolve);
    });
    upstream.on("error", (error) => {
      // What the capsule no longer takes of a body does not cut its answer off.
      if (!response.headersSent) reject(portError(error));
    });
    upstream.once("upgrade", (_answer, socket) => {
      socket.destroy();
      reject(portError(new RefusedAnswerError("it changes to a protocol that was not asked for")));
    });
    response.once("close", () => upstream.destroy());
    if (hasBody(framing)) request.pipe(upstream);
    else upstream.end();
  });
}

/** An answer that breaks off breaks the client's connection off: its end would pass for the whole. */
function passBody({ request, capsule, opening }: Forwarding, answer: IncomingMessage, response: ServerResponse): void {
  const { headers, statusCode } = answer;
  const isFramed = headers["content-length"] !== undefined || headers["transfer-encoding"] !== undefined;
  const endsWithConnection = !isFramed && request.method !== "HEAD" && statusCode !== 204 && statusCode !== 304;
  answer.pipe(response, { end: false });
  answer.once("end", () => {
    // Whoever kills the program ends its connections as it would itself.
    if (endsWithConnection && !(capsule.readableEnded && opening.target.isAlive())) response.destroy();
    else response.end();
  });
  answer.once("error", () => response.destroy());
}

/** Throws `RefusedAnswerError` with nothing sent. */
export function beginAnswer({ request, address, opening }: Forwarding, answer: IncomingMessage, response: ServerResponse): void {
  const { status, reason, headers } = answerHead(answer, request, address, opening.isKeyed);
  response.writeHead(status, reason, headers);
  // Sent at once, byte for byte: `flushHeaders` would write what is beyond ASCII anew in UTF-8, as of a file's name.
  response.write(NOTHING);
}

/** What went wrong between us and the capsule's program, in words that quote nothing of it. */
export function portError(error: unknown): unknown {
  if (error instanceof RefusedAnswerError) {
    return fail("port_unavailable", `What listens on this port gave an answer that is not passed on: ${error.message}.`, { cause: error });
  }
  if (codeOf(error) === "HPE_HEADER_OVERFLOW") {
    return fail("port_unavailable", "What listens on this port gave an answer with more headers than are passed on.", { cause: error });
  }
  return fail("port_unavailable", "What listens on this port broke the connection off, or did not answer in HTTP.", { cause: error });
}

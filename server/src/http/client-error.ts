import type { Socket } from "node:net";
import { fail } from "../core/fail.ts";
import type { CapsuledError } from "../core/fail.ts";
import { rawAnswer } from "./raw-answer.ts";

/** Answers what is not HTTP, or came too slowly, on the bare connection, and closes it. */
export function answerClientError(error: Error & { code?: string }, socket: Socket, requestId: string): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  rawAnswer(socket, clientError(error.code), requestId);
}

function clientError(code: string | undefined): CapsuledError {
  switch (code) {
    case "HPE_HEADER_OVERFLOW":
    case "HPE_CHUNK_EXTENSIONS_OVERFLOW":
      return fail("too_large", "The request's headers are too large.");
    case "HPE_INVALID_URL":
      return fail("invalid_request", "The URL has characters that must be percent-encoded, such as blanks and letters beyond ASCII.");
    case "ERR_HTTP_REQUEST_TIMEOUT":
      return fail("request_timeout");
    default:
      return fail("invalid_request", "This is not an HTTP request.");
  }
}

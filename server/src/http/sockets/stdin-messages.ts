import type { SocketConnection } from "./connection.ts";
import type { JunkCounter } from "./junk.ts";
import type { StdinMessage, StdinQueue } from "./stdin-queue.ts";

/** Passes a client's message about stdin on, and tells it what was not taken. */
export function feedStdin(queue: StdinQueue, message: StdinMessage, connection: SocketConnection | null, junk: JunkCounter | null): void {
  switch (queue.feed(message)) {
    case "taken":
      return;
    case "full":
      connection?.sendError("stdin_full", "The process has not taken its input yet; this message was dropped.");
      return;
    case "closed":
      return junk?.refuse("standard input is closed");
    case "malformed":
      return junk?.refuse("data: is not base64");
    case "unplaced":
      return junk?.refuse("offset: this process's standard input is not open, or takes no offsets");
  }
}

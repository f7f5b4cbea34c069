import type { SocketConnection } from "./connection.ts";

/** What goes on over one socket, prepared while errors still were HTTP answers. */
export interface SocketSession {
  /** Called once, when the socket is open; from then on the session lives until `closed`. */
  open(connection: SocketConnection): void;
  /** A text message came. */
  message(text: string): void;
  /** A binary message came, which only terminals take. */
  binary(bytes: Buffer): void;
  /** The socket is closed, by whichever side; also called when it never opened. */
  closed(): void;
}

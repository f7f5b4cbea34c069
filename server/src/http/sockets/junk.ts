import { CLOSE_CODES } from "@capsuled/contract";
import type { SocketConnection } from "./connection.ts";

/** Answers messages that cannot be understood, and gives up on a client that sends nothing else. */
export class JunkCounter {
  readonly #connection: SocketConnection;
  readonly #max: number;
  #count = 0;

  constructor(connection: SocketConnection, max: number) {
    this.#connection = connection;
    this.#max = max;
  }

  refuse(problem: string): void {
    this.#count += 1;
    this.#connection.sendError("bad_message", problem);
    if (this.#count >= this.#max) this.#connection.finish(CLOSE_CODES.bad_first_message, "too many bad messages");
  }
}

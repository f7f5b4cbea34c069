import type { ClientMessage } from "@capsuled/contract";
import type { ProcessStream } from "../../core/ports/agent-link.ts";
import { stdinBytes } from "./client-messages.ts";

/** What a client writes to a process, bounded by what the process has not taken yet. */
export class StdinQueue {
  readonly #stream: ProcessStream;
  readonly #bytesMax: number;
  #untaken = 0;
  #isClosed = false;

  constructor(stream: ProcessStream, bytesMax: number) {
    this.#stream = stream;
    this.#bytesMax = bytesMax;
  }

  /** `full`: the message was dropped, nothing else was. */
  feed(message: Extract<ClientMessage, { type: "stdin" | "stdin_close" }>): "taken" | "full" | "closed" | "malformed" {
    if (this.#isClosed) return "closed";
    if (message.type === "stdin_close") {
      this.#isClosed = true;
      this.#stream.closeStdin();
      return "taken";
    }
    const bytes = stdinBytes(message.data, message.encoding);
    if (bytes === null) return "malformed";
    if (this.#untaken + bytes.length > this.#bytesMax) return "full";
    this.#untaken += bytes.length;
    if (bytes.length > 0) this.#stream.sendStdin(bytes);
    return "taken";
  }

  /** The process took this many bytes. */
  taken(bytes: number): void {
    this.#untaken = Math.max(0, this.#untaken - bytes);
  }
}

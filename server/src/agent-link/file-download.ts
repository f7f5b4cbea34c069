import type { FileDownload, FileHead } from "../core/ports/agent-files.ts";
import type { AgentConnection, OperationListener } from "./connection.ts";
import { readFileEnd, readFileHead } from "./file-messages.ts";
import { FRAME, ProtocolError } from "./frame.ts";
import { readRefusal } from "./messages.ts";

/** Milliseconds for the agent to find the file and say what it is. */
export const HEAD_MS = 30_000;

/** Asks for a file's bytes and resolves once its head is known. Throws `AgentRefusal` and `AgentLostError`. */
export function openDownload(connection: AgentConnection, opening: Buffer): Promise<FileDownload> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => connection.end(new Error(`no head within ${HEAD_MS} ms`)), HEAD_MS);
    connection.begin({
      frame(type, payload) {
        if (type === FRAME.head) {
          const download = new Download(connection, readFileHead(payload));
          clearTimeout(timer);
          connection.begin(download);
          connection.pause();
          return resolve(download);
        }
        if (type !== FRAME.error) throw new ProtocolError(`frame 0x${type.toString(16)} for a head`);
        const refusal = readRefusal(payload);
        clearTimeout(timer);
        connection.detach();
        reject(refusal);
      },
      lost(error) {
        clearTimeout(timer);
        reject(error);
      },
    });
    connection.sendFrame(opening);
  });
}

/** Bytes as they are asked for: the connection is paused while anything waits, so no more than a socket's buffer does. */
class Download implements FileDownload, OperationListener {
  readonly head: FileHead;
  readonly #connection: AgentConnection;
  readonly #waiting: Uint8Array[] = [];
  /** Whoever waits for the next bytes. */
  #wake: (() => void) | null = null;
  #received = 0;
  #sha256: string | null = null;
  #isOver = false;
  #failure: Error | null = null;

  constructor(connection: AgentConnection, head: FileHead) {
    this.#connection = connection;
    this.head = head;
  }

  get sha256(): string | null {
    return this.#waiting.length === 0 ? this.#sha256 : null;
  }

  async next(): Promise<Uint8Array | null> {
    for (;;) {
      const bytes = this.#waiting.shift();
      if (bytes !== undefined) return bytes;
      if (this.#failure !== null) throw this.#failure;
      if (this.#isOver) return null;
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      this.#connection.resume();
      await woken;
    }
  }

  close(): void {
    this.#isOver = true;
    this.#waiting.length = 0;
    this.#connection.detach();
    this.#tell();
  }

  frame(type: number, payload: Buffer): void {
    switch (type) {
      case FRAME.bytes:
        this.#received += payload.length;
        if (this.#received > this.head.length) throw new ProtocolError(`more than the ${this.head.length} bytes that were told`);
        if (payload.length > 0) this.#waiting.push(payload);
        this.#connection.pause();
        return this.#tell();
      case FRAME.result: {
        const end = readFileEnd(payload);
        if (end.bytes !== this.#received || end.bytes !== this.head.length)
          throw new ProtocolError(`${this.#received} bytes came, ${end.bytes} were sent and ${this.head.length} told`);
        this.#sha256 = end.sha256;
        return this.#end(null);
      }
      case FRAME.error:
        return this.#end(readRefusal(payload));
      default:
        throw new ProtocolError(`frame 0x${type.toString(16)} among a file's bytes`);
    }
  }

  lost(error: Error): void {
    this.#failure = error;
    this.#tell();
  }

  #end(failure: Error | null): void {
    this.#isOver = true;
    this.#failure = failure;
    this.#connection.detach();
    this.#tell();
  }

  #tell(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

import type { FileUpload } from "../core/ports/agent-files.ts";
import { giveBack } from "../lib/passing-bytes.ts";
import type { AgentConnection, OperationListener } from "./connection.ts";
import { encodeBytes, FRAME, ProtocolError } from "./frame.ts";
import { readRefusal } from "./messages.ts";

/** Bytes of one frame of an upload. */
export const UPLOAD_PIECE_BYTES = 256 * 1024;
/** Bytes on their way to the agent before more of them wait. */
export const UNSENT_BYTES_MAX = 512 * 1024;
/** Milliseconds for the agent to put a file in its place once all of it has come. */
export const PUBLISH_MS = 60_000;

/** Begins to send bytes, of which `read` reads the outcome. What the agent thinks of them is heard by `send` and `finish`. */
export function openUpload<Outcome>(connection: AgentConnection, opening: Buffer, read: (payload: Buffer) => Outcome): FileUpload<Outcome> {
  const upload = new Upload(connection, read);
  if (connection.begin(upload)) connection.sendFrame(opening);
  return upload;
}

class Upload<Outcome> implements FileUpload<Outcome>, OperationListener {
  readonly #connection: AgentConnection;
  readonly #read: (payload: Buffer) => Outcome;
  #failure: Error | null = null;
  #outcome: { readonly value: Outcome } | null = null;
  #hasFinished = false;
  #unsent = 0;
  /** Whoever waits for room or for the end. */
  #wake: (() => void) | null = null;

  constructor(connection: AgentConnection, read: (payload: Buffer) => Outcome) {
    this.#connection = connection;
    this.#read = read;
  }

  send(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#failure !== null) throw this.#failure;
    for (let at = 0; at < bytes.length; at += UPLOAD_PIECE_BYTES) {
      const piece = bytes.subarray(at, at + UPLOAD_PIECE_BYTES);
      this.#unsent += piece.length;
      this.#connection.sendBytes(FRAME.stdin, piece, () => {
        this.#unsent -= piece.length;
        giveBack(piece);
        if (this.#unsent < UNSENT_BYTES_MAX) this.#tell();
      });
    }
    return this.#unsent < UNSENT_BYTES_MAX ? undefined : this.#room();
  }

  async finish(): Promise<Outcome> {
    this.#hasFinished = true;
    this.#connection.sendFrame(encodeBytes(FRAME.stdin_close, new Uint8Array(0)));
    const timer = setTimeout(() => this.#connection.end(new Error(`not in its place within ${PUBLISH_MS} ms`)), PUBLISH_MS);
    try {
      while (this.#outcome === null) {
        if (this.#failure !== null) throw this.#failure;
        await new Promise<void>((resolve) => (this.#wake = resolve));
      }
      return this.#outcome.value;
    } finally {
      clearTimeout(timer);
    }
  }

  abort(): void {
    this.#connection.detach();
  }

  frame(type: number, payload: Buffer): void {
    if (type === FRAME.error) {
      this.#failure = readRefusal(payload);
    } else {
      if (type !== FRAME.result) throw new ProtocolError(`frame 0x${type.toString(16)} during an upload`);
      if (!this.#hasFinished) throw new ProtocolError("a file was written before all of it was sent");
      this.#outcome = { value: this.#read(payload) };
    }
    this.#connection.detach();
    this.#tell();
  }

  lost(error: Error): void {
    this.#failure = error;
    this.#tell();
  }

  /** Until there is room, or there is an answer: then nothing takes what is in the way. */
  async #room(): Promise<void> {
    await new Promise<void>((resolve) => (this.#wake = resolve));
    if (this.#failure !== null) throw this.#failure;
  }

  #tell(): void {
    const wake = this.#wake;
    this.#wake = null;
    wake?.();
  }
}

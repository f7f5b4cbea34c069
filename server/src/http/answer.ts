/** What a route answers with; the registrar writes it. */
export interface Answer {
  readonly status: number;
  readonly contentType: string | null;
  readonly body: string | null;
  readonly headers: Readonly<Record<string, string>> | null;
  /** Set for a short body of bytes, in place of `body`; its length is among the headers. */
  readonly bytes?: Uint8Array;
  /** Set for a body that is written piece by piece, in place of `body`. */
  readonly stream?: BodyStream;
}

/** A body as it is produced. One of the two is called, once. */
export interface BodyStream {
  /** Writes it; its end is the answer's, its failure breaks the connection off. */
  write(sink: BodySink): Promise<void>;
  /** Nobody wants it: HEAD, or a client that has gone. */
  cancel(): void;
}

/** The client's end of a body. */
export interface BodySink {
  /**
   * Resolves once there is room for more; `false` when the client has gone or took nothing for too long. `sent` is told once the chunk
   * is not needed any more, and nothing where that never is.
   */
  send(chunk: string | Uint8Array, sent?: () => void): Promise<boolean>;
  /** The same for bytes that nobody needs behind it: their memory is given back where it is marked so. */
  pass(bytes: Uint8Array): Promise<boolean>;
  /** Counts bytes that stand in memory until the body is over; where all clients' are too many, the slowest are broken off. */
  hold(bytes: number): void;
  /** Sets the headers behind the body; the answer must have told of them in `Trailer`, and have no length. */
  setTrailers(trailers: Readonly<Record<string, string>>): void;
  /** Called once, when the connection is closed or the server stops. */
  onClose(listener: () => void): void;
}

const JSON_TYPE = "application/json; charset=utf-8";

export function json(status: number, value: unknown, headers: Readonly<Record<string, string>> | null = null): Answer {
  return { status, contentType: JSON_TYPE, body: JSON.stringify(value), headers };
}

export function text(contentType: string, body: string, headers: Readonly<Record<string, string>> | null = null): Answer {
  return { status: 200, contentType, body, headers };
}

export const NO_CONTENT: Answer = { status: 204, contentType: null, body: null, headers: null };

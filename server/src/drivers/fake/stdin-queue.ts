/** Bytes of stdin that may wait for the program. */
export const STDIN_QUEUE_BYTES = 1024 * 1024;

/** What a process has to read, up to a bound. */
export class StdinQueue {
  readonly #parts: { readonly bytes: Buffer; readonly onTaken: ((bytes: number) => void) | undefined }[] = [];
  readonly #isPipe: boolean;
  #bytes = 0;
  #received = 0;
  #closed: boolean;
  #onReady: (() => void) | null = null;

  /** One that is not `open` is /dev/null. */
  constructor(open: boolean) {
    this.#isPipe = open;
    this.#closed = !open;
  }

  /** What came so far; undefined for what is no pipe. */
  get given(): { readonly bytes: number; readonly queued: number; readonly closed: boolean; readonly at: true } | undefined {
    return this.#isPipe ? { bytes: this.#received, queued: this.#bytes, closed: this.#closed, at: true } : undefined;
  }

  /** Bytes that came, and those that do not wait any more. */
  get received(): number {
    return this.#received;
  }

  get taken(): number {
    return this.#received - this.#bytes;
  }

  /** Whether `take` would not have to wait. */
  get ready(): boolean {
    return this.#closed || this.#bytes > 0;
  }

  /** Calls `done` when it is ready; the returned function calls that off. */
  whenReady(done: () => void): () => void {
    this.#onReady = done;
    return () => {
      this.#onReady = null;
    };
  }

  /** `false`: there is no room, and the bytes are dropped. `onTaken` is told how many of these bytes the program took. */
  add(bytes: Buffer, onTaken?: (bytes: number) => void): boolean {
    if (this.#closed || bytes.length === 0) return true;
    if (this.#bytes + bytes.length > STDIN_QUEUE_BYTES) return false;
    this.#parts.push({ bytes, onTaken });
    this.#bytes += bytes.length;
    this.#received += bytes.length;
    this.#onReady?.();
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#onReady?.();
  }

  /** The next bytes; `null` at the end. */
  take(): Buffer | null {
    const part = this.#parts.shift();
    if (part === undefined) return null;
    this.#bytes -= part.bytes.length;
    part.onTaken?.(part.bytes.length);
    return part.bytes;
  }
}

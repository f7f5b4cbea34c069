import { Duplex } from "node:stream";

/** Bytes that wait for a reader in each direction before writes stall. */
const PIPE_BYTES = 64 * 1024;

type Done = (error?: Error | null) => void;

/**
 * One end of an in-process connection that behaves like a socket's: bytes arrive in a later turn of the event loop,
 * a reader that stalls makes the other end's writes wait, and an end that is destroyed is the other's end of file.
 */
class PipeEnd extends Duplex {
  peer: PipeEnd | null = null;
  /** The other end's write that waits for this end's reader. */
  #stalled: Done | null = null;
  #atEnd = false;

  constructor() {
    super({ readableHighWaterMark: PIPE_BYTES, writableHighWaterMark: PIPE_BYTES, allowHalfOpen: false });
  }

  override _read(): void {
    const stalled = this.#stalled;
    this.#stalled = null;
    stalled?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    setImmediate(() => this.peer?.arrive(chunk, done));
  }

  override _writev(chunks: { readonly chunk: Buffer }[], done: Done): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), "utf8", done);
  }

  override _final(done: Done): void {
    setImmediate(() => {
      this.peer?.hangUp();
      done();
    });
  }

  override _destroy(error: Error | null, done: Done): void {
    const stalled = this.#stalled;
    this.#stalled = null;
    stalled?.();
    setImmediate(() => this.peer?.hangUp());
    done(error);
  }

  /** Bytes from the other end. Those for an end that is gone are dropped, as a socket's are. */
  arrive(chunk: Buffer, done: Done): void {
    if (this.destroyed || this.#atEnd || this.push(chunk)) done();
    else this.#stalled = done;
  }

  /** The other end says no more. */
  hangUp(): void {
    if (this.#atEnd || this.destroyed) return;
    this.#atEnd = true;
    this.push(null);
  }
}

/** Two connected ends. */
export function createPipe(): { readonly host: Duplex; readonly agent: Duplex } {
  const host = new PipeEnd();
  const agent = new PipeEnd();
  host.peer = agent;
  agent.peer = host;
  return { host, agent };
}

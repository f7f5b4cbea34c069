import { renderOutput } from "./messages.ts";

/** Output of a process on its way to the client; records of one stream that wait together are joined. */
export interface OutboundOutput {
  readonly kind: "stdout" | "stderr";
  readonly data: string;
  readonly firstSeq: number;
  readonly seq: number;
  readonly encoding: "utf-8" | "base64";
}

export interface OutboundLimits {
  readonly outboundCharsHigh: number;
  readonly outboundCharsLow: number;
  readonly messageCharsMax: number;
}

/**
 * Messages that wait for a slow client. One at a time is given to the socket, so that each one written is a sign of life,
 * and small records that pile up leave as one message.
 */
export class Outbound {
  readonly #limits: OutboundLimits;
  /** Writes one message and calls back once it is with the kernel. */
  readonly #write: (message: string | Buffer, done: () => void) => void;
  readonly #onRoom: () => void;
  readonly #onEmpty: () => void;
  #waiting: (OutboundOutput | string | Buffer)[] = [];
  #first = 0;
  #chars = 0;
  #isWriting = false;
  #wasFull = false;

  constructor(
    limits: OutboundLimits,
    write: (message: string | Buffer, done: () => void) => void,
    onRoom: () => void,
    onEmpty: () => void,
  ) {
    this.#limits = limits;
    this.#write = write;
    this.#onRoom = onRoom;
    this.#onEmpty = onEmpty;
  }

  get isEmpty(): boolean {
    return !this.#isWriting && this.#first === this.#waiting.length;
  }

  /** Whether the producer is to stop until `onRoom`. */
  get isFull(): boolean {
    if (this.#chars > this.#limits.outboundCharsHigh) this.#wasFull = true;
    return this.#wasFull;
  }

  /** A buffer leaves as a binary frame. */
  pushMessage(message: string | Buffer): void {
    this.#chars += message.length;
    this.#waiting.push(message);
    this.#next();
  }

  pushOutput(output: OutboundOutput): void {
    this.#chars += output.data.length;
    const last = this.#first < this.#waiting.length ? this.#waiting.at(-1) : undefined;
    if (last !== undefined && isOutput(last) && isJoinable(last, output, this.#limits.messageCharsMax)) {
      this.#waiting[this.#waiting.length - 1] = { ...last, data: last.data + output.data, seq: output.seq };
    } else {
      this.#waiting.push(output);
    }
    this.#next();
  }

  /** Forgets what waits; a message being written goes on. */
  clear(): void {
    this.#waiting = [];
    this.#first = 0;
    this.#chars = 0;
  }

  #next(): void {
    if (this.#isWriting) return;
    const item = this.#take();
    if (item === undefined) return;
    const chars = isOutput(item) ? item.data.length : item.length;
    this.#isWriting = true;
    this.#write(isOutput(item) ? renderOutput(item) : item, () => this.#written(chars));
  }

  #written(chars: number): void {
    this.#isWriting = false;
    this.#chars = Math.max(0, this.#chars - chars);
    this.#next();
    if (this.#wasFull && this.#chars < this.#limits.outboundCharsLow) {
      this.#wasFull = false;
      this.#onRoom();
    }
    if (this.isEmpty) this.#onEmpty();
  }

  #take(): OutboundOutput | string | Buffer | undefined {
    const item = this.#waiting[this.#first];
    if (item === undefined) return undefined;
    this.#first += 1;
    if (this.#first === this.#waiting.length) {
      this.#waiting = [];
      this.#first = 0;
    } else if (this.#first > 1024) {
      this.#waiting = this.#waiting.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }
}

function isOutput(item: OutboundOutput | string | Buffer): item is OutboundOutput {
  return typeof item !== "string" && !Buffer.isBuffer(item);
}

/** Base64 texts cannot be joined: each may end in padding. */
function isJoinable(last: OutboundOutput, next: OutboundOutput, charsMax: number): boolean {
  return (
    last.kind === next.kind && last.encoding === "utf-8" && next.encoding === "utf-8" && last.data.length + next.data.length <= charsMax
  );
}

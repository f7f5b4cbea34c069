import type { StreamServerMessage } from "../contract/schemas.ts";
import { DigestError } from "../errors.ts";
import { fromBase64 } from "../transport/bytes.ts";
import type { Sha256 } from "../transport/sha256.ts";
import { sha256 } from "../transport/sha256.ts";

/** A message of one type, as the server sends it. */
export type Message<T extends StreamServerMessage["type"]> = Extract<StreamServerMessage, { type: T }>;

/** The process runs, or has run. */
export interface StartEvent {
  readonly type: "start";
  readonly pid: number;
  /** The process's id, never reused. */
  readonly id: string;
  readonly tag: string;
}

/** A piece of what it printed. */
export interface OutputEvent {
  readonly type: "stdout" | "stderr";
  /** As text: a character that is split over pieces comes whole with the later one. */
  readonly data: string;
  /** The bytes themselves. */
  readonly bytes: Uint8Array;
  /** Number of the last record in it: `from: seq + 1` goes on behind it. */
  readonly seq: number;
}

/** Output that is not kept any more. */
export interface GapEvent {
  readonly type: "gap";
  readonly stdout_bytes: number;
  readonly stderr_bytes: number;
  readonly seq: number;
}

/** The process's end, and all that is known of it. The last event. */
export interface ExitEvent extends Message<"exit"> {
  /** Whether all of its output came, and is what the server's digests say. `false` where it was not read from its beginning. */
  readonly verified: boolean;
}

export type ProcessEvent = StartEvent | OutputEvent | GapEvent | ExitEvent;

/** One of the two streams, as it is read. */
class Channel {
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  readonly #hash: Sha256 = sha256();
  #bytes = 0;

  take(bytes: Uint8Array): string {
    this.#hash.update(bytes);
    this.#bytes += bytes.length;
    return this.#decoder.decode(bytes, { stream: true });
  }

  /** What is left of a character that was never finished. */
  rest(): string {
    return this.#decoder.decode();
  }

  /** Throws where the bytes are not those of the end. */
  verify(stream: "stdout" | "stderr", bytes: number, digest: string | null): boolean {
    if (this.#bytes !== bytes) throw new DigestError(`${stream}: ${this.#bytes} bytes came of ${bytes}`);
    if (digest === null) return false;
    const found = this.#hash.digest();
    if (found !== digest)
      throw new DigestError(`${stream}: the ${bytes} bytes that came are not those that were printed (SHA-256 ${found}, not ${digest})`);
    return true;
  }
}

/** Makes events of messages, in their order. */
export class EventMaker {
  readonly #channels = { stdout: new Channel(), stderr: new Channel() };
  #isWhole: boolean;

  /** `isWhole`: whether it begins with the first record. */
  constructor(isWhole: boolean) {
    this.#isWhole = isWhole;
  }

  /** Throws a `DigestError` for an end that does not fit what came before. */
  events(message: Message<"stdout" | "stderr" | "gap" | "exit">): readonly ProcessEvent[] {
    switch (message.type) {
      case "stdout":
      case "stderr": {
        const bytes = message.encoding === "base64" ? fromBase64(message.data) : new TextEncoder().encode(message.data);
        return [{ type: message.type, data: this.#channels[message.type].take(bytes), bytes, seq: message.seq }];
      }
      case "gap":
        this.#isWhole = false;
        return [{ type: "gap", stdout_bytes: message.stdout_bytes, stderr_bytes: message.stderr_bytes, seq: message.seq }];
      case "exit":
        return [
          ...this.#rest("stdout", message.seq),
          ...this.#rest("stderr", message.seq),
          { ...message, verified: this.#verify(message) },
        ];
    }
  }

  #rest(stream: "stdout" | "stderr", seq: number): readonly OutputEvent[] {
    const data = this.#channels[stream].rest();
    return data === "" ? [] : [{ type: stream, data, bytes: new Uint8Array(0), seq }];
  }

  #verify(exit: Message<"exit">): boolean {
    if (!this.#isWhole) return false;
    const isStdout = this.#channels.stdout.verify("stdout", exit.stdout_bytes, exit.stdout_sha256);
    const isStderr = this.#channels.stderr.verify("stderr", exit.stderr_bytes, exit.stderr_sha256);
    return isStdout && isStderr;
  }
}

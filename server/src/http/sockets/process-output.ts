import { CLOSE_CODES } from "@capsuled/contract";
import type { OutputRecord, ProcessEnd, ProcessEvent, ProcessStream, StreamFailure } from "../../core/ports/agent-link.ts";
import { flushedText, recordText } from "../../core/process/text.ts";
import { AckWindow } from "./ack-window.ts";
import type { SocketConnection } from "./connection.ts";
import { renderExit, renderGap, renderStart } from "./messages.ts";

/** What a session learns of its process beside the output. */
export interface OutputListener {
  /** The process took bytes of stdin; `taken` is how many in all, where that is known. */
  stdinTaken(bytes: number, taken: number | undefined): void;
  /** Whether the capsule is known to be gone. */
  isCapsuleGone(): boolean;
}

/** Sends a process's events to a client at the client's pace, and closes after the last one. */
export class ProcessOutput {
  readonly #stream: ProcessStream;
  readonly #connection: SocketConnection;
  readonly #encoding: "utf-8" | "base64";
  readonly #listener: OutputListener;
  readonly #windowChars: number;
  readonly #window: AckWindow;
  #hasEnded = false;

  constructor(
    stream: ProcessStream,
    connection: SocketConnection,
    { encoding, ackWindowChars }: { readonly encoding: "utf-8" | "base64"; readonly ackWindowChars: number },
    listener: OutputListener,
  ) {
    this.#stream = stream;
    this.#connection = connection;
    this.#encoding = encoding;
    this.#windowChars = ackWindowChars;
    this.#window = new AckWindow(ackWindowChars);
    this.#listener = listener;
  }

  /** Whether the last event has come. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  begin(): void {
    this.#connection.send(renderStart(this.#stream.started, this.#windowChars));
    this.#connection.onRoom = () => this.#goOn();
    this.#stream.onEvent((event) => this.#take(event));
  }

  /** The client has taken everything up to a record. */
  acknowledged(seq: number): void {
    this.#window.take(seq);
    if (!this.#connection.isFull) this.#goOn();
  }

  #goOn(): void {
    if (!this.#window.isFull) this.#stream.resume();
  }

  #take(event: ProcessEvent): void {
    switch (event.kind) {
      case "stdout":
      case "stderr":
        this.#sendRecord(event);
        if (this.#connection.isFull || this.#window.isFull) this.#stream.pause();
        return;
      case "gap":
        this.#connection.send(renderGap(event));
        return;
      case "stdin_room":
        this.#listener.stdinTaken(event.bytes, event.taken);
        return;
      case "stdin_full":
        this.#connection.sendError("stdin_full", "The process has not taken its input yet; this message was dropped.");
        return;
      case "stdin_gap":
        this.#connection.sendError("stdin_gap", "Bytes before these have not come; this message was dropped.");
        return;
      case "exit":
        this.#hasEnded = true;
        this.#connection.send(renderExit({ ...event, seq: this.#flush(event) }));
        this.#connection.finish(CLOSE_CODES.done, "exit");
        return;
      case "failed":
        this.#hasEnded = true;
        this.#fail(event);
    }
  }

  #sendRecord({ kind, seq, tail, bytes }: OutputRecord): void {
    if (this.#encoding === "base64") {
      const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
      this.#connection.sendOutput({ kind, data, firstSeq: seq, seq, encoding: "base64" });
      this.#window.add(seq, data.length);
      return;
    }
    const { text } = recordText(tail, bytes);
    if (text.length > 0) this.#connection.sendOutput({ kind, data: text, firstSeq: seq, seq, encoding: "utf-8" });
    this.#window.add(seq, text.length);
  }

  /**
   * A character that the process began and never finished belongs to the end: whoever reads that gets it, wherever they began. Each is
   * a message with a number of its own, from the end's on, so that whoever was cut off between two of them comes back to the next one.
   * Answers the last number, which is the `exit`'s.
   */
  #flush(end: ProcessEnd): number {
    let last = end.seq;
    if (this.#encoding === "base64") return last;
    let seq = end.seq;
    for (const [kind, tail] of [["stdout", end.stdoutTail] as const, ["stderr", end.stderrTail] as const]) {
      const data = tail === undefined ? "" : flushedText(tail);
      if (data.length === 0) continue;
      if (this.#stream.started.nextSeq <= seq) this.#connection.sendOutput({ kind, data, firstSeq: seq, seq, encoding: "utf-8" });
      last = seq;
      seq += 1;
    }
    return last;
  }

  #fail(failure: StreamFailure): void {
    const connection = this.#connection;
    if (failure.code === "slow_consumer") {
      connection.abort(CLOSE_CODES.slow_consumer, "slow consumer", {
        code: "slow_consumer",
        text: "Output was not read for too long. Attach again from the last seq.",
      });
    } else if (this.#listener.isCapsuleGone()) {
      connection.sendError("capsule_gone", "The capsule has stopped.");
      connection.finish(CLOSE_CODES.capsule_gone, "capsule gone");
    } else {
      connection.sendError("agent_error", "The capsule's agent was lost. The process may go on: attach again from the last seq.");
      connection.finish(CLOSE_CODES.internal, "agent lost");
    }
  }
}

import type { TerminalFrames } from "@capsuled/contract";
import { CLOSE_CODES } from "@capsuled/contract";
import type { OutputRecord, ProcessEvent, StreamFailure } from "../../core/ports/agent-link.ts";
import type { OpenTerminal } from "../../core/process/service.ts";
import type { SocketConnection } from "./connection.ts";
import type { OutputListener } from "./process-output.ts";
import { renderExit, renderOutput, renderStarted } from "./terminal-messages.ts";

/** Bytes of one `output` message. */
const MESSAGE_BYTES = 16 * 1024;
/** Bytes within which the line that scrollback begins in is left out, so that no half of an escape sequence comes first. */
const LINE_BYTES = 4096;

/** Sends what a terminal shows to one viewer at the viewer's pace, and closes after its end. */
export class TerminalOutput {
  readonly #terminal: OpenTerminal;
  readonly #connection: SocketConnection;
  readonly #listener: OutputListener;
  #gapBytes = 0;
  #hasEnded = false;
  /** `null` until it is known. */
  #frames: TerminalFrames | null = null;
  /** What came until then. */
  #held: ProcessEvent[] = [];
  #wait: NodeJS.Timeout | null = null;

  constructor(terminal: OpenTerminal, connection: SocketConnection, listener: OutputListener) {
    this.#terminal = terminal;
    this.#connection = connection;
    this.#listener = listener;
  }

  /** Whether the last event has come. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** With `null` output waits for `use`, at most `waitMs`, and then goes in binary frames. */
  begin(frames: TerminalFrames | null, waitMs: number): void {
    const { stream } = this.#terminal;
    this.#frames = frames;
    this.#connection.send(renderStarted(stream.started));
    this.#connection.onRoom = () => stream.resume();
    if (frames === null) this.#wait = setTimeout(() => this.use("binary"), waitMs);
    stream.onEvent((event) => {
      if (this.#frames !== null) return this.#take(event);
      this.#held.push(event);
      stream.pause();
    });
  }

  /** How output goes from here on. */
  use(frames: TerminalFrames): void {
    this.stop();
    const held = this.#held.splice(0);
    const hasWaited = this.#frames === null && held.length > 0;
    this.#frames = frames;
    for (const event of held) this.#take(event);
    if (hasWaited && !this.#hasEnded && !this.#connection.isFull) this.#terminal.stream.resume();
  }

  /** The viewer is gone, or nothing is waited for any more. */
  stop(): void {
    if (this.#wait !== null) clearTimeout(this.#wait);
    this.#wait = null;
  }

  #take(event: ProcessEvent): void {
    switch (event.kind) {
      case "stdout":
      case "stderr":
        this.#show(event);
        if (this.#connection.isFull) this.#terminal.stream.pause();
        return;
      case "gap":
        this.#gapBytes += event.stdoutBytes + event.stderrBytes;
        return;
      case "stdin_room":
        this.#listener.stdinTaken(event.bytes, event.taken);
        return;
      case "stdin_full":
      case "stdin_gap":
        // Only many viewers that all type into what does not read get here: each one's window is a small part of the queue.
        this.#connection.sendError("stdin_full", "The terminal has not taken its input yet; some of it was dropped.");
        return;
      case "exit":
        this.#hasEnded = true;
        this.#connection.send(renderExit(event, this.#gapBytes));
        this.#connection.finish(CLOSE_CODES.done, "exit");
        return;
      case "failed":
        this.#hasEnded = true;
        this.#fail(event);
    }
  }

  #show({ seq, offset, bytes }: OutputRecord): void {
    const shown = fromLine(bytes, this.#terminal.showFrom - offset);
    if (this.#frames === "binary") return this.#showBytes(shown);
    for (let at = 0; at < shown.length || at === 0; at += MESSAGE_BYTES) {
      const piece = shown.subarray(at, at + MESSAGE_BYTES);
      const data = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString("base64");
      this.#connection.send(renderOutput(data, at + MESSAGE_BYTES < shown.length ? null : seq, this.#gapBytes));
      this.#gapBytes = 0;
    }
  }

  /** Bytes alone say nothing of a gap before them, so an error does. */
  #showBytes(shown: Uint8Array): void {
    if (this.#gapBytes > 0) this.#connection.sendError("output_gap", `${this.#gapBytes} bytes before what follows are not kept any more.`);
    this.#gapBytes = 0;
    for (let at = 0; at < shown.length; at += MESSAGE_BYTES) {
      const { buffer, byteOffset, byteLength } = shown.subarray(at, at + MESSAGE_BYTES);
      this.#connection.send(Buffer.from(buffer, byteOffset, byteLength));
    }
  }

  #fail(failure: StreamFailure): void {
    const connection = this.#connection;
    if (failure.code === "slow_consumer") {
      const text = "Output was not read for too long. Connect again from the record after the last seq.";
      connection.abort(CLOSE_CODES.slow_consumer, "slow consumer", { code: "slow_consumer", text });
    } else if (this.#listener.isCapsuleGone()) {
      connection.fail("capsule_gone", "The capsule has stopped.", CLOSE_CODES.capsule_gone, "capsule gone");
    } else {
      const text = "The capsule's agent was lost. The terminal may go on: connect again by its tag.";
      connection.fail("agent_error", text, CLOSE_CODES.internal, "agent lost");
    }
  }
}

/** The bytes from `skip` on, or from the next line on where one begins soon. */
function fromLine(bytes: Uint8Array, skip: number): Uint8Array {
  if (skip <= 0) return bytes;
  const line = bytes.subarray(skip, skip + LINE_BYTES).indexOf(0x0a);
  return bytes.subarray(line === -1 ? skip : skip + line + 1);
}

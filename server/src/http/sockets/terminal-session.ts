import type { TerminalClientMessage, TerminalFirst, TerminalFrames } from "@capsuled/contract";
import { CLOSE_CODES } from "@capsuled/contract";
import type { OpenTerminal, TerminalTarget } from "../../core/process/service.ts";
import { StartRefused } from "../../core/process/service.ts";
import type { RouteDeps } from "../deps.ts";
import { publicError } from "../problem.ts";
import { parseTerminalFirst, parseTerminalMessage, stdinBytes } from "./client-messages.ts";
import type { SocketConnection } from "./connection.ts";
import { JunkCounter } from "./junk.ts";
import type { SocketSession } from "./session.ts";
import { TerminalInput } from "./terminal-input.ts";
import { PING, renderTerminalError } from "./terminal-messages.ts";
import { TerminalOutput } from "./terminal-output.ts";

/** `frames` is how output goes to a client that does not say and has not typed. */
export function createTerminalSession(
  capsuleId: string,
  target: TerminalTarget,
  deps: RouteDeps,
  frames: TerminalFrames | null,
): SocketSession {
  return new TerminalSession(capsuleId, target, deps, frames);
}

/** A client's message; what a binary frame types is its bytes. */
type Message = TerminalClientMessage | { readonly type: "bytes"; readonly bytes: Buffer };

/** A terminal that is open on this socket. */
interface Open extends OpenTerminal {
  readonly input: TerminalInput;
  readonly output: TerminalOutput;
}

/** One viewer of a terminal: `start` or `connect` comes first, then keys and sizes go in and what it shows comes out. */
class TerminalSession implements SocketSession {
  readonly #target: TerminalTarget;
  readonly #deps: RouteDeps;
  readonly #stopWatching: () => void;
  /** How output goes until the client types. */
  readonly #frames: TerminalFrames | null;
  /** Whether the client has said how output is to come. */
  #hasSaid = false;
  #connection: SocketConnection | null = null;
  #junk: JunkCounter | null = null;
  #firstMessage: NodeJS.Timeout | null = null;
  #ping: NodeJS.Timeout | null = null;
  #hasBegun = false;
  #terminal: Open | null = null;
  /** Messages that came while the terminal was being opened. */
  #early: Message[] = [];
  #isClosed = false;
  #isCapsuleGone = false;

  constructor(capsuleId: string, target: TerminalTarget, deps: RouteDeps, frames: TerminalFrames | null) {
    this.#frames = frames;
    this.#target = target;
    this.#deps = deps;
    this.#stopWatching = deps.processes.onCapsuleGone(capsuleId, () => this.#capsuleGone());
  }

  open(connection: SocketConnection): void {
    const { firstMessageMs, junkMax, pingMs } = this.#deps.socketLimits;
    this.#connection = connection;
    connection.renderError = renderTerminalError;
    this.#junk = new JunkCounter(connection, junkMax);
    this.#firstMessage = setTimeout(() => {
      connection.fail("first_message_late", "No start or connect came in time.", CLOSE_CODES.first_message_late, "first message late");
    }, firstMessageMs);
    this.#ping = setInterval(() => connection.send(PING), pingMs);
    if (this.#isCapsuleGone) this.#capsuleGone();
  }

  message(text: string): void {
    if (!this.#hasBegun) return this.#first(text);
    const parsed = parseTerminalMessage(text);
    if (!parsed.ok) return this.#junk?.refuse(parsed.problem);
    this.#take(parsed.message);
  }

  binary(bytes: Buffer): void {
    if (this.#hasBegun) this.#take({ type: "bytes", bytes });
    else this.#refuseFirst("it is text");
  }

  #take(message: Message): void {
    if (this.#terminal !== null) return this.#apply(message, this.#terminal);
    this.#early.push(message);
    // What comes now waits in the connection.
    if (this.#early.length >= this.#deps.socketLimits.earlyMessagesMax) this.#connection?.read(false);
  }

  closed(): void {
    this.#isClosed = true;
    this.#stopWatching();
    this.#stopTimer();
    if (this.#ping !== null) clearInterval(this.#ping);
    this.#terminal?.output.stop();
    this.#leave();
  }

  #first(text: string): void {
    const parsed = parseTerminalFirst(text);
    if (!parsed.ok) return this.#refuseFirst(parsed.problem);
    this.#stopTimer();
    this.#hasBegun = true;
    void this.#begin(parsed.message);
  }

  #refuseFirst(problem: string): void {
    this.#stopTimer();
    this.#hasBegun = true;
    const text = `The first message must be a start, or a connect with a tag: ${problem}`;
    this.#connection?.fail("bad_first_message", text, CLOSE_CODES.bad_first_message, "bad first message");
  }

  async #begin(first: TerminalFirst): Promise<void> {
    const connection = this.#connection;
    if (connection === null) return;
    let terminal: OpenTerminal;
    try {
      terminal = first.type === "start" ? await this.#target.start(first) : await this.#target.connect(first);
    } catch (error) {
      return this.#refuse(error, connection);
    }
    if (this.#isClosed) return terminal.stream.close();
    const input = new TerminalInput(terminal.stream, connection, this.#deps.socketLimits);
    const output = new TerminalOutput(terminal, connection, {
      stdinTaken: (bytes) => input.taken(bytes),
      isCapsuleGone: () => this.#isCapsuleGone,
    });
    const open: Open = { ...terminal, input, output };
    this.#terminal = open;
    this.#hasSaid = first.frames !== undefined;
    output.begin(first.frames ?? this.#frames, this.#deps.socketLimits.framesWaitMs);
    for (const message of this.#early.splice(0)) this.#apply(message, open);
    input.taken(0);
  }

  #refuse(error: unknown, connection: SocketConnection): void {
    if (error instanceof StartRefused) return connection.fail(error.code, error.message, CLOSE_CODES.done, "not opened");
    const known = publicError(error);
    const isOurs = known.code === "internal_error";
    if (isOurs) this.#deps.log.error({ err: known.cause ?? error }, "a terminal could not be opened");
    connection.fail(known.code, known.message, isOurs ? CLOSE_CODES.internal : CLOSE_CODES.done, "not opened");
  }

  #apply(message: Message, { stream, input, output }: Open): void {
    if (output.hasEnded) return;
    switch (message.type) {
      case "input": {
        const bytes = stdinBytes(message.data, "base64");
        if (bytes === null) this.#junk?.refuse("data: is not base64");
        else {
          if (!this.#hasSaid) output.use("json");
          input.type(bytes);
        }
        return;
      }
      case "bytes":
        if (!this.#hasSaid) output.use("binary");
        input.type(message.bytes);
        return;
      case "pong":
        return;
      case "resize":
        if (message.cols > 0 && message.rows > 0) stream.resize({ cols: message.cols, rows: message.rows });
        return;
      case "kill":
        stream.cancel("stopped", 0);
    }
  }

  /** The terminal goes on without this viewer. */
  #leave(): void {
    if (this.#terminal?.output.hasEnded === false) this.#terminal.stream.close();
  }

  /** An open terminal tells its end itself; without one there is nothing to wait for. */
  #capsuleGone(): void {
    this.#isCapsuleGone = true;
    if (!this.#hasBegun) this.#connection?.fail("capsule_gone", "The capsule has stopped.", CLOSE_CODES.capsule_gone, "capsule gone");
  }

  #stopTimer(): void {
    if (this.#firstMessage !== null) clearTimeout(this.#firstMessage);
  }
}

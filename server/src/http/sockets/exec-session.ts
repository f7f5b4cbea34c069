import type { ClientMessage, StartMessage } from "@capsuled/contract";
import { CLOSE_CODES } from "@capsuled/contract";
import type { ProcessStream } from "../../core/ports/agent-link.ts";
import type { StreamTarget } from "../../core/process/service.ts";
import { StartRefused } from "../../core/process/service.ts";
import type { RouteDeps } from "../deps.ts";
import { publicError } from "../problem.ts";
import { parseClientMessage, parseStart } from "./client-messages.ts";
import type { SocketConnection } from "./connection.ts";
import { JunkCounter } from "./junk.ts";
import { ProcessOutput } from "./process-output.ts";
import type { SocketSession } from "./session.ts";
import { feedStdin } from "./stdin-messages.ts";
import type { StdinMessage } from "./stdin-queue.ts";
import { StdinQueue } from "./stdin-queue.ts";

export function createExecSession(capsuleId: string, target: StreamTarget, deps: RouteDeps): SocketSession {
  return new ExecSession(capsuleId, target, deps);
}

/** One exec stream: `start` comes first, then output goes to the client and `stop` and stdin to the process. */
class ExecSession implements SocketSession {
  readonly #target: StreamTarget;
  readonly #deps: RouteDeps;
  readonly #stopWatching: () => void;
  #connection: SocketConnection | null = null;
  #junk: JunkCounter | null = null;
  #firstMessage: NodeJS.Timeout | null = null;
  #start: StartMessage | null = null;
  #stream: ProcessStream | null = null;
  #output: ProcessOutput | null = null;
  #stdin: StdinQueue | null = null;
  /** Messages that came while the process was being started. */
  #early: ClientMessage[] = [];
  #isClosed = false;
  #isCapsuleGone = false;

  constructor(capsuleId: string, target: StreamTarget, deps: RouteDeps) {
    this.#target = target;
    this.#deps = deps;
    this.#stopWatching = deps.processes.onCapsuleGone(capsuleId, () => this.#capsuleGone());
  }

  open(connection: SocketConnection): void {
    this.#connection = connection;
    this.#junk = new JunkCounter(connection, this.#deps.socketLimits.junkMax);
    this.#firstMessage = setTimeout(() => {
      connection.sendError("first_message_late", "No start message came in time.");
      connection.finish(CLOSE_CODES.first_message_late, "first message late");
    }, this.#deps.socketLimits.firstMessageMs);
    if (this.#isCapsuleGone) this.#capsuleGone();
  }

  message(text: string): void {
    if (this.#start === null) return this.#first(text);
    const parsed = parseClientMessage(text);
    if (!parsed.ok) return this.#junk?.refuse(parsed.problem);
    if (this.#stream !== null) return this.#apply(parsed.message, this.#stream);
    if (this.#early.length >= this.#deps.socketLimits.earlyMessagesMax)
      return this.#junk?.refuse("too many messages before the process has started");
    this.#early.push(parsed.message);
  }

  binary(): void {
    if (this.#start === null) this.#refuseFirst("messages are text");
    else this.#junk?.refuse("messages are text");
  }

  closed(): void {
    this.#isClosed = true;
    this.#stopWatching();
    if (this.#firstMessage !== null) clearTimeout(this.#firstMessage);
    this.#leave();
  }

  #first(text: string): void {
    const parsed = parseStart(text);
    if (!parsed.ok) return this.#refuseFirst(parsed.problem);
    if (this.#firstMessage !== null) clearTimeout(this.#firstMessage);
    this.#start = parsed.message;
    void this.#begin(parsed.message);
  }

  #refuseFirst(problem: string): void {
    if (this.#firstMessage !== null) clearTimeout(this.#firstMessage);
    this.#connection?.sendError("bad_first_message", `The first message must be a start with a cmd: ${problem}`);
    this.#connection?.finish(CLOSE_CODES.bad_first_message, "bad first message");
  }

  async #begin(start: StartMessage): Promise<void> {
    const connection = this.#connection;
    if (connection === null) return;
    try {
      this.#stream = await this.#target.start(start);
    } catch (error) {
      return this.#refuseStart(error, connection);
    }
    const stream = this.#stream;
    if (this.#isClosed) return this.#leave();
    this.#stdin = start.stdin === true ? new StdinQueue(stream, connection, this.#deps.socketLimits.stdinBytesMax) : null;
    const { ackWindowChars } = this.#deps.socketLimits;
    this.#output = new ProcessOutput(
      stream,
      connection,
      { encoding: start.encoding ?? "utf-8", ackWindowChars },
      {
        stdinTaken: (bytes, taken) => this.#stdin?.taken(bytes, taken),
        isCapsuleGone: () => this.#isCapsuleGone,
      },
    );
    this.#output.begin();
    for (const message of this.#early.splice(0)) this.#apply(message, stream);
  }

  #refuseStart(error: unknown, connection: SocketConnection): void {
    if (error instanceof StartRefused) {
      connection.sendError(error.code, error.message);
      connection.finish(CLOSE_CODES.done, "not started");
      return;
    }
    const known = publicError(error);
    if (known.code === "internal_error") this.#deps.log.error({ err: known.cause ?? error }, "an exec stream could not start");
    connection.sendError(known.code, known.message);
    connection.finish(known.code === "internal_error" ? CLOSE_CODES.internal : CLOSE_CODES.done, "not started");
  }

  #apply(message: ClientMessage, stream: ProcessStream): void {
    if (this.#output?.hasEnded === true) return;
    switch (message.type) {
      case "stop":
        stream.cancel("stopped", this.#deps.socketLimits.stopGraceMs);
        return;
      case "ack":
        return this.#output?.acknowledged(message.seq);
      case "stdin":
      case "stdin_close":
        return this.#feed(message);
    }
  }

  #feed(message: StdinMessage): void {
    if (this.#stdin === null) return this.#junk?.refuse("standard input is not open: start with stdin: true");
    feedStdin(this.#stdin, message, this.#connection, this.#junk);
  }

  /** The process goes on without its reader, unless the client asked otherwise. */
  #leave(): void {
    const stream = this.#stream;
    if (stream === null || this.#output?.hasEnded === true) return;
    if (this.#start?.on_disconnect === "kill") stream.cancel("client_gone", 0);
    stream.close();
  }

  /** An attached process tells its end itself; without one there is nothing to wait for. */
  #capsuleGone(): void {
    this.#isCapsuleGone = true;
    if (this.#start !== null) return;
    this.#connection?.sendError("capsule_gone", "The capsule has stopped.");
    this.#connection?.finish(CLOSE_CODES.capsule_gone, "capsule gone");
  }
}

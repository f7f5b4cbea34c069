import type { ClientMessage } from "@capsuled/contract";
import type { ProcessStream } from "../../core/ports/agent-link.ts";
import type { RouteDeps } from "../deps.ts";
import { parseClientMessage } from "./client-messages.ts";
import type { SocketConnection } from "./connection.ts";
import { JunkCounter } from "./junk.ts";
import { ProcessOutput } from "./process-output.ts";
import type { SocketSession } from "./session.ts";
import { feedStdin } from "./stdin-messages.ts";
import type { StdinMessage } from "./stdin-queue.ts";
import { StdinQueue } from "./stdin-queue.ts";

/**
 * A reader of a process that runs, or has ended and is kept. It may stop the process, and write to its stdin by offsets, so that whoever
 * started it goes on after a cut; without them stdin belongs to the stream that started the process.
 */
export function createAttachSession(
  capsuleId: string,
  stream: ProcessStream,
  encoding: "utf-8" | "base64",
  deps: RouteDeps,
): SocketSession {
  let isCapsuleGone = false;
  const stopWatching = deps.processes.onCapsuleGone(capsuleId, () => {
    isCapsuleGone = true;
  });
  let output: ProcessOutput | null = null;
  let junk: JunkCounter | null = null;
  let socket: SocketConnection | null = null;
  let stdin: StdinQueue | null = null;
  return {
    open(connection: SocketConnection) {
      junk = new JunkCounter(connection, deps.socketLimits.junkMax);
      socket = connection;
      stdin = new StdinQueue(stream, connection, deps.socketLimits.stdinBytesMax);
      const { ackWindowChars } = deps.socketLimits;
      output = new ProcessOutput(
        stream,
        connection,
        { encoding, ackWindowChars },
        {
          stdinTaken: (bytes, taken) => stdin?.taken(bytes, taken),
          isCapsuleGone: () => isCapsuleGone,
        },
      );
      output.begin();
    },
    message(text) {
      const parsed = parseClientMessage(text);
      if (!parsed.ok) return junk?.refuse(parsed.problem);
      const { message } = parsed;
      if (isInput(message) && message.offset === undefined)
        return junk?.refuse("standard input without offsets is open to the stream that started the process only");
      if (output?.hasEnded !== false) return;
      if (message.type === "stop") stream.cancel("stopped", deps.socketLimits.stopGraceMs);
      else if (message.type === "ack") output.acknowledged(message.seq);
      else if (stdin !== null) feedStdin(stdin, message, socket, junk);
    },
    binary() {
      junk?.refuse("messages are text");
    },
    closed() {
      stopWatching();
      if (output?.hasEnded !== true) stream.close();
    },
  };
}

function isInput(message: ClientMessage): message is StdinMessage {
  return message.type === "stdin" || message.type === "stdin_close";
}

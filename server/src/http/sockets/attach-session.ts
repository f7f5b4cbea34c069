import type { ProcessStream } from "../../core/ports/agent-link.ts";
import type { RouteDeps } from "../deps.ts";
import { parseClientMessage } from "./client-messages.ts";
import type { SocketConnection } from "./connection.ts";
import { JunkCounter } from "./junk.ts";
import { ProcessOutput } from "./process-output.ts";
import type { SocketSession } from "./session.ts";

/** A reader of a process that runs, or has ended and is kept. It may stop the process; its stdin belongs to who started it. */
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
  return {
    open(connection: SocketConnection) {
      junk = new JunkCounter(connection, deps.socketLimits.junkMax);
      output = new ProcessOutput(stream, connection, encoding, { stdinTaken() {}, isCapsuleGone: () => isCapsuleGone });
      output.begin();
    },
    message(text) {
      const parsed = parseClientMessage(text);
      if (!parsed.ok) junk?.refuse(parsed.problem);
      else if (parsed.message.type !== "stop") junk?.refuse("standard input is open to the stream that started the process only");
      else if (output?.hasEnded === false) stream.cancel("stopped", deps.socketLimits.stopGraceMs);
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

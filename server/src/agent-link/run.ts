import type { Collected, ProcessEnd, Started } from "../core/ports/agent-link.ts";
import type { AgentConnection } from "./connection.ts";
import { decodeRecord, FRAME, ProtocolError } from "./frame.ts";
import { Head } from "./head.ts";
import { readExit, readGap, readRefusal, readRoom, readStarted } from "./messages.ts";
import type { ConnectionPool } from "./pool.ts";
import { StdinFeed } from "./stdin-feed.ts";

/** Milliseconds that a killed foreground process may take to be reported as ended. */
export const CANCEL_MS = 10_000;

/** A foreground command over one connection: start (the frame `opening`), collect, end. */
export function runOn(
  connection: AgentConnection,
  pool: ConnectionPool,
  opening: Buffer,
  stdin: Uint8Array | null,
  outputBytesMax: number,
  signal: AbortSignal,
): Promise<Collected> {
  return new Promise((resolve, reject) => {
    const stdout = new Head(outputBytesMax);
    const stderr = new Head(outputBytesMax);
    const feed = stdin === null ? null : new StdinFeed(connection, stdin);
    let started: Started | null = null;
    let timer: NodeJS.Timeout | null = null;
    const cancel = (): void => {
      connection.sendJson(FRAME.cancel, { reason: "client_gone", grace_ms: 0 });
      timer = setTimeout(() => connection.end(new Error(`no end within ${CANCEL_MS} ms of the kill`)), CANCEL_MS);
    };
    const settle = (): void => {
      signal.removeEventListener("abort", cancel);
      if (timer !== null) clearTimeout(timer);
    };
    const finish = (whole: Started, end: ProcessEnd): void => {
      settle();
      pool.give(connection);
      resolve({ started: whole, end, stdout: stdout.take(), stderr: stderr.take() });
    };
    const refuse = (payload: Buffer): void => {
      const refusal = readRefusal(payload);
      settle();
      // Before `started` the connection is free again; after it the agent gave up on the operation.
      if (started === null) pool.give(connection);
      else connection.detach();
      reject(refusal);
    };
    const begun = connection.begin({
      frame(type, payload) {
        if (type === FRAME.error) return refuse(payload);
        if (started === null) {
          if (type !== FRAME.started) throw new ProtocolError(`frame 0x${type.toString(16)} before started`);
          started = readStarted(payload);
          // What an earlier start of the same process was given is not given again.
          if (started.repeated !== true) feed?.advance(0);
          return;
        }
        switch (type) {
          case FRAME.stdout:
            return stdout.add(decodeRecord(payload).bytes);
          case FRAME.stderr:
            return stderr.add(decodeRecord(payload).bytes);
          case FRAME.exit:
            return finish(started, readExit(payload));
          case FRAME.stdin_room:
            if (feed === null) throw new ProtocolError("room for a stdin that is not fed");
            return feed.advance(readRoom(payload).bytes);
          case FRAME.gap:
            readGap(payload);
            return;
          default:
            throw new ProtocolError(`frame 0x${type.toString(16)} during a run`);
        }
      },
      lost(error) {
        settle();
        reject(error);
      },
    });
    if (!begun) return;
    connection.sendFrame(opening);
    if (signal.aborted) cancel();
    else signal.addEventListener("abort", cancel, { once: true });
  });
}

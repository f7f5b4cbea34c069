import type { OutputRange } from "../core/ports/agent-link.ts";
import type { AgentConnection } from "./connection.ts";
import { decodeRecord, encodeJson, FRAME, ProtocolError } from "./frame.ts";
import { Head } from "./head.ts";
import { readRange, readRefusal } from "./messages.ts";
import type { ConnectionPool } from "./pool.ts";
import { ANSWER_MS } from "./request.ts";

export interface OutputRequest {
  readonly selector: string;
  readonly stream: "stdout" | "stderr";
  readonly from: number;
  readonly limit: number;
}

/** Reads a range of a stream's bytes; keeps no more than was asked for. Throws `AgentRefusal` and `AgentLostError`. */
export function readOutput(connection: AgentConnection, pool: ConnectionPool, request: OutputRequest): Promise<OutputRange> {
  const wanted = FRAME[request.stream];
  const head = new Head(request.limit);
  let received = 0;
  let firstSeq: number | null = null;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => connection.end(new Error(`no answer within ${ANSWER_MS} ms`)), ANSWER_MS);
    connection.begin({
      frame(type, payload) {
        switch (type) {
          case wanted: {
            const { seq, bytes } = decodeRecord(payload);
            firstSeq ??= seq;
            received += bytes.length;
            if (received > request.limit) throw new ProtocolError(`more than the ${request.limit} bytes that were asked for`);
            return head.add(bytes);
          }
          case FRAME.result: {
            const range = readRange(payload);
            if (range.next - range.from !== received)
              throw new ProtocolError(`${received} bytes for the range from ${range.from} to ${range.next}`);
            clearTimeout(timer);
            pool.give(connection);
            return resolve({ ...range, firstSeq, bytes: head.take() });
          }
          case FRAME.error: {
            const refusal = readRefusal(payload);
            clearTimeout(timer);
            pool.give(connection);
            return reject(refusal);
          }
          default:
            throw new ProtocolError(`frame 0x${type.toString(16)} during output`);
        }
      },
      lost(error) {
        clearTimeout(timer);
        reject(error);
      },
    });
    connection.sendFrame(encodeJson(FRAME.output, request));
  });
}

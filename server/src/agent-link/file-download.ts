import type { ArchiveDownload, FileDownload } from "../core/ports/agent-files.ts";
import { ByteStream } from "./byte-stream.ts";
import type { AgentConnection } from "./connection.ts";
import { readArchiveEnd, readFileEnd, readFileHead } from "./file-messages.ts";
import { openBytes } from "./first-frame.ts";
import { FRAME, ProtocolError } from "./frame.ts";

/** Gets a connection back whose worker may serve one more operation. */
export type Leave = (connection: AgentConnection) => void;

/** Asks for a file's bytes and resolves once its head is known. Throws `AgentRefusal` and `AgentLostError`. */
export function openDownload(connection: AgentConnection, opening: Buffer, leave: Leave): Promise<FileDownload> {
  return openBytes(connection, opening, (type, payload) => {
    if (type !== FRAME.head) throw new ProtocolError(`frame 0x${type.toString(16)} for a head`);
    const head = readFileHead(payload);
    const stream = new ByteStream(connection, (last, received) => endOf(last, received, head.length), head.length, leave);
    connection.begin(stream);
    return {
      head,
      next: () => stream.next(),
      close: () => stream.close(),
      get sha256() {
        return stream.end;
      },
    };
  });
}

/** Asks for a tar stream and resolves once it has begun. Throws `AgentRefusal` and `AgentLostError`. */
export function openArchive(connection: AgentConnection, opening: Buffer): Promise<ArchiveDownload> {
  return openBytes(connection, opening, (type, payload) => {
    if (type !== FRAME.bytes) throw new ProtocolError(`frame 0x${type.toString(16)} for the first bytes`);
    const stream = new ByteStream(connection, readArchiveEnd, Number.MAX_SAFE_INTEGER, () => connection.detach());
    connection.begin(stream);
    stream.frame(type, payload);
    return stream;
  });
}

function endOf(payload: Buffer, received: number, length: number): string {
  const { bytes, sha256 } = readFileEnd(payload);
  if (bytes !== received || bytes !== length) throw new ProtocolError(`${received} bytes came, ${bytes} were sent and ${length} told`);
  return sha256;
}

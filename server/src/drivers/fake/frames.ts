/**
 * The agent's side of the frame codec (agent/PROTOCOL.md), written apart from the server's, as the Rust one is:
 * a mistake in one does not hide in the other. It runs the same vectors.
 */

export const FRAME_BYTES_MAX = 1024 * 1024;
export const RECORD_BYTES_MAX = 64 * 1024;
const HEADER_BYTES = 5;
const RECORD_HEADER_BYTES = 28;

export const HOST_FRAMES = {
  0x01: "hello",
  0x02: "start",
  0x03: "attach",
  0x04: "list",
  0x05: "signal",
  0x06: "get",
  0x07: "stats",
  0x08: "touch",
  0x09: "pause",
  0x0a: "resume",
  0x0b: "shutdown",
  0x0c: "log",
  0x0d: "output",
  0x0f: "dial",
  0x0e: "file",
  0x10: "stdin",
  0x11: "stdin_close",
  0x12: "cancel",
  0x13: "resize",
  0x14: "ports",
  0x15: "stdin_at",
} as const;
export type HostFrame = (typeof HOST_FRAMES)[keyof typeof HOST_FRAMES];

export const AGENT_FRAMES = {
  welcome: 0x81,
  started: 0x82,
  stdout: 0x83,
  stderr: 0x84,
  gap: 0x85,
  exit: 0x86,
  result: 0x87,
  error: 0x88,
  stdin_room: 0x89,
  entry: 0x8a,
  head: 0x8b,
  bytes: 0x8c,
} as const;
export type AgentFrame = keyof typeof AGENT_FRAMES;

/** The host broke the protocol: the connection ends. */
export class BrokenFrameError extends Error {
  override readonly name = "BrokenFrameError";
}

export function jsonFrame(name: Exclude<AgentFrame, "stdout" | "stderr" | "bytes">, value: object): Buffer {
  return frame(AGENT_FRAMES[name], Buffer.from(JSON.stringify(value)));
}

export function bytesFrame(bytes: Buffer): Buffer {
  return frame(AGENT_FRAMES.bytes, bytes);
}

/** One record of a journal; `tail` is the incomplete UTF-8 sequence before `bytes`. */
export interface JournalRecord {
  readonly kind: "stdout" | "stderr";
  readonly seq: number;
  readonly offset: number;
  readonly timeUs: number;
  readonly tail: Uint8Array;
  readonly bytes: Uint8Array;
}

export function recordFrame(record: JournalRecord): Buffer {
  const header = Buffer.alloc(RECORD_HEADER_BYTES);
  header.writeBigUInt64LE(BigInt(record.seq), 0);
  header.writeBigUInt64LE(BigInt(record.offset), 8);
  header.writeBigUInt64LE(BigInt(record.timeUs), 16);
  header.writeUInt8(record.tail.length, 24);
  header.set(record.tail, 25);
  return frame(AGENT_FRAMES[record.kind], Buffer.concat([header, record.bytes]));
}

function frame(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(type, 0);
  header.writeUInt32LE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

function hostFrame(type: number): HostFrame {
  for (const [known, name] of Object.entries(HOST_FRAMES)) if (Number(known) === type) return name;
  throw new BrokenFrameError(`unknown frame type 0x${type.toString(16)}`);
}

/** Gives the whole frames at the front of `bytes` to `onFrame`, in order, and returns what is left. Throws `BrokenFrameError`. */
export function takeFrames(bytes: Buffer, onFrame: (name: HostFrame, payload: Buffer) => void): Buffer {
  let at = 0;
  while (at < bytes.length) {
    const name = hostFrame(bytes.readUInt8(at));
    if (bytes.length - at < HEADER_BYTES) break;
    const length = bytes.readUInt32LE(at + 1);
    if (length > FRAME_BYTES_MAX) throw new BrokenFrameError(`a frame of ${length} bytes is too long`);
    const end = at + HEADER_BYTES + length;
    if (end > bytes.length) break;
    onFrame(name, bytes.subarray(at + HEADER_BYTES, end));
    at = end;
  }
  return bytes.subarray(at);
}

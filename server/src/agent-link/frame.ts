/**
 * The codec of the agent protocol's frames (agent/PROTOCOL.md): type u8, length u32 little-endian, payload.
 * The Rust codec runs the same vectors (agent/vectors).
 */

/** Payload bytes of a frame at most. */
export const FRAME_BYTES_MAX = 1024 * 1024;
export const FRAME_HEADER_BYTES = 5;
export const RECORD_HEADER_BYTES = 28;
/** Output bytes of one record at most. */
export const RECORD_BYTES_MAX = 64 * 1024;

/** Frame types by name. */
export const FRAME = {
  hello: 0x01,
  start: 0x02,
  attach: 0x03,
  list: 0x04,
  signal: 0x05,
  get: 0x06,
  stats: 0x07,
  touch: 0x08,
  pause: 0x09,
  resume: 0x0a,
  shutdown: 0x0b,
  log: 0x0c,
  output: 0x0d,
  file: 0x0e,
  dial: 0x0f,
  stdin: 0x10,
  stdin_close: 0x11,
  cancel: 0x12,
  resize: 0x13,
  ports: 0x14,
  stdin_at: 0x15,
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

/** Bytes of a frame whose memory is worth using again: such memory is not shared with others. */
const SPARE_BYTES_MIN = 16 * 1024;
const NOTHING = Buffer.alloc(0);

const KNOWN = new Set<number>(Object.values(FRAME));

/** The peer broke the protocol; the connection is of no more use. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** A frame of a JSON object. Throws `ProtocolError` when it is too long to send. */
export function encodeJson(type: number, value: unknown): Buffer {
  const text = JSON.stringify(value);
  const length = Buffer.byteLength(text);
  if (length > FRAME_BYTES_MAX) throw new ProtocolError(`a frame of ${length} bytes is too long`);
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + length);
  frame[0] = type;
  frame.writeUInt32LE(length, 1);
  frame.write(text, FRAME_HEADER_BYTES, "utf8");
  return frame;
}

/** A frame of bytes. */
export function encodeBytes(type: number, bytes: Uint8Array): Buffer {
  if (bytes.length > FRAME_BYTES_MAX) throw new ProtocolError(`a frame of ${bytes.length} bytes is too long`);
  const frame = Buffer.allocUnsafe(FRAME_HEADER_BYTES + bytes.length);
  frame[0] = type;
  frame.writeUInt32LE(bytes.length, 1);
  frame.set(bytes, FRAME_HEADER_BYTES);
  return frame;
}

/** Bytes of stdin behind the place in all of it at which they belong; without bytes it is a `stdin_close`'s payload. */
export function placedBytes(at: number, bytes: Uint8Array): Uint8Array {
  const payload = Buffer.allocUnsafe(8 + bytes.length);
  payload.writeBigUInt64LE(BigInt(at), 0);
  payload.set(bytes, 8);
  return payload;
}

/** The header and bytes of a `stdout` or `stderr` frame; the arrays are views of the payload. */
export interface RecordFrame {
  readonly seq: number;
  readonly offset: number;
  readonly timeUs: number;
  readonly tail: Uint8Array;
  readonly bytes: Uint8Array;
}

export function decodeRecord(payload: Buffer): RecordFrame {
  if (payload.length < RECORD_HEADER_BYTES) throw new ProtocolError("a record is shorter than its header");
  if (payload.length > RECORD_HEADER_BYTES + RECORD_BYTES_MAX) throw new ProtocolError("a record has too many bytes");
  const tailLength = payload.readUInt8(24);
  if (tailLength > 3) throw new ProtocolError(`a record's tail of ${tailLength} bytes`);
  return {
    seq: readU64(payload, 0),
    offset: readU64(payload, 8),
    timeUs: readU64(payload, 16),
    tail: tailLength === 0 ? NOTHING : payload.subarray(25, 25 + tailLength),
    bytes: payload.subarray(RECORD_HEADER_BYTES),
  };
}

export function encodeRecord(type: typeof FRAME.stdout | typeof FRAME.stderr, record: RecordFrame): Buffer {
  const payload = Buffer.alloc(RECORD_HEADER_BYTES + record.bytes.length);
  payload.writeBigUInt64LE(BigInt(record.seq), 0);
  payload.writeBigUInt64LE(BigInt(record.offset), 8);
  payload.writeBigUInt64LE(BigInt(record.timeUs), 16);
  payload[24] = record.tail.length;
  payload.set(record.tail, 25);
  payload.set(record.bytes, RECORD_HEADER_BYTES);
  return encodeBytes(type, payload);
}

/** Numbers of the protocol stay below 2^53; a larger one is the peer's fault. */
function readU64(payload: Buffer, at: number): number {
  const value = payload.readUInt32LE(at) + payload.readUInt32LE(at + 4) * 4294967296;
  if (!Number.isSafeInteger(value)) throw new ProtocolError("a number beyond 2^53");
  return value;
}

/** The header of a frame whose payload is sent behind it. */
export function encodeHeader(type: number, length: number): Buffer {
  if (length > FRAME_BYTES_MAX) throw new ProtocolError(`a frame of ${length} bytes is too long`);
  const header = Buffer.allocUnsafe(FRAME_HEADER_BYTES);
  header[0] = type;
  header.writeUInt32LE(length, 1);
  return header;
}

/** Cuts a byte stream into frames. Keeps at most one incomplete frame. */
export class FrameParser {
  /** Whether payloads of `bytes` frames are given in parts, as they come, rather than whole: where one ends is not told then. */
  inParts = false;
  /** The frame under way: as much of it as has come, and how much that is. */
  #frame: Buffer = NOTHING;
  #have = 0;
  /** Bytes needed before anything more can be said. */
  #need = FRAME_HEADER_BYTES;
  /** The last frame that was put together here, and memory for the next one. */
  #done: Buffer | null = null;
  #spare: Buffer | null = null;
  /** Bytes of a payload in parts that are still to come. */
  #left = 0;
  /** What came behind the last frame, once there are no frames any more. */
  #rest: Buffer | null = null;

  /** Takes the frame under way for the last one; what follows it is not read as frames. Gives that from the next turn on. */
  stop(): void {
    this.#rest = Buffer.alloc(0);
  }

  /** What came behind the last frame. */
  get rest(): Buffer {
    return this.#rest ?? Buffer.alloc(0);
  }

  /** Nobody looks at the payloads any more that were given so far: their memory may serve for others. */
  release(): void {
    this.#spare = this.#done ?? this.#spare;
    this.#done = null;
  }

  /** No more of the like comes for now. */
  trim(): void {
    this.#done = null;
    this.#spare = null;
  }

  /** Calls `onFrame` for each whole frame, in order; payloads may be views of `chunk`, of which nothing else is kept. Throws `ProtocolError`. */
  push(chunk: Buffer, onFrame: (type: number, payload: Buffer) => void): void {
    let rest = chunk;
    if (this.#have > 0) {
      rest = this.#goOn(chunk, onFrame);
      if (this.#rest !== null) {
        this.#rest = rest;
        return;
      }
    }
    let at = 0;
    for (;;) {
      const left = rest.length - at;
      if (left === 0) return;
      if (this.#left > 0) {
        const part = rest.subarray(at, at + this.#left);
        this.#left -= part.length;
        at += part.length;
        onFrame(FRAME.bytes, part);
        continue;
      }
      const type = rest.readUInt8(at);
      if (!KNOWN.has(type)) throw new ProtocolError(`unknown frame type 0x${type.toString(16)}`);
      if (left < FRAME_HEADER_BYTES) {
        this.#keep(rest, at, FRAME_HEADER_BYTES);
        return;
      }
      const length = rest.readUInt32LE(at + 1);
      if (length > FRAME_BYTES_MAX) throw new ProtocolError(`a frame of ${length} bytes is too long`);
      if (this.inParts && type === FRAME.bytes) {
        this.#left = length;
        at += FRAME_HEADER_BYTES;
        continue;
      }
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > rest.length) {
        this.#keep(rest, at, FRAME_HEADER_BYTES + length);
        return;
      }
      onFrame(type, rest.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
      if (this.#rest !== null) {
        this.#rest = rest.subarray(at);
        return;
      }
    }
  }

  /** Puts the frame under way together, and only that; returns what stands behind it. */
  #goOn(chunk: Buffer, onFrame: (type: number, payload: Buffer) => void): Buffer {
    let at = 0;
    for (;;) {
      const copied = chunk.copy(this.#frame, this.#have, at, at + this.#need - this.#have);
      this.#have += copied;
      at += copied;
      if (this.#have < this.#need) return NOTHING;
      const type = this.#frame.readUInt8(0);
      const length = this.#frame.readUInt32LE(1);
      if (length > FRAME_BYTES_MAX) throw new ProtocolError(`a frame of ${length} bytes is too long`);
      // One that began as a whole ends as such.
      const isPart = this.inParts && type === FRAME.bytes && this.#need === FRAME_HEADER_BYTES;
      if (!isPart && this.#need < FRAME_HEADER_BYTES + length) {
        this.#keep(this.#frame, 0, FRAME_HEADER_BYTES + length);
        continue;
      }
      const frame = this.#frame;
      this.#frame = NOTHING;
      this.#have = 0;
      if (isPart) this.#left = length;
      else {
        if (frame.length >= SPARE_BYTES_MIN) this.#done = frame;
        onFrame(type, frame.subarray(FRAME_HEADER_BYTES));
      }
      return chunk.subarray(at);
    }
  }

  #keep(rest: Buffer, at: number, need: number): void {
    this.#need = need;
    this.#frame = this.#memory(need);
    this.#have = rest.copy(this.#frame, 0, at, Math.min(rest.length, at + need));
  }

  #memory(bytes: number): Buffer {
    if (bytes < SPARE_BYTES_MIN) return Buffer.allocUnsafe(bytes);
    const spare = this.#spare;
    if (spare === null || bytes > spare.buffer.byteLength) return Buffer.allocUnsafeSlow(bytes);
    this.#spare = null;
    return Buffer.from(spare.buffer, 0, bytes);
  }
}

/** Bytes of a block of a tar archive. */
export const BLOCK = 512;

export type MemberType = "file" | "directory" | "symlink";

/** One member's header. Names are bytes: they need not be text. */
export interface Member {
  /** Relative to the directory that is copied. */
  readonly path: Buffer;
  readonly type: MemberType;
  readonly mode: number;
  /** Bytes of a file; 0 for what is none. */
  readonly size: number;
  /** Seconds. */
  readonly mtime: number;
  /** What a link leads to, as it says it. */
  readonly link: Buffer;
}

const FLAGS = { file: "0", symlink: "2", directory: "5" } as const satisfies Record<MemberType, string>;
/** Bytes of the fields of names, and what octal digits can say. */
const NAME_BYTES = 100;
const NUMBER_MAX = 0o77_777_777_777;

/** All that stands before a member's bytes: ustar, with a pax header before it where that is too narrow. */
export function headerOf(member: Member): Buffer {
  const extra = [
    ...(member.path.length > NAME_BYTES ? [record("path", member.path)] : []),
    ...(member.link.length > NAME_BYTES ? [record("linkpath", member.link)] : []),
    ...(member.size > NUMBER_MAX ? [record("size", Buffer.from(String(member.size)))] : []),
  ];
  const own = block(member.path, FLAGS[member.type], member);
  if (extra.length === 0) return own;
  const text = Buffer.concat(extra);
  const head = block(Buffer.from("pax"), "x", { mode: 0o644, size: text.length, mtime: 0, link: Buffer.alloc(0) });
  return Buffer.concat([head, text, Buffer.alloc(paddingOf(text.length)), own]);
}

/** Zeros behind what has this many bytes. */
export function paddingOf(size: number): number {
  return (BLOCK - (size % BLOCK)) % BLOCK;
}

function block(path: Buffer, flag: string, { mode, size, mtime, link }: Pick<Member, "mode" | "size" | "mtime" | "link">): Buffer {
  const out = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number): void => {
    out.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at, "latin1");
  };
  path.copy(out, 0, 0, NAME_BYTES);
  octal(mode & 0o7777, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(size > NUMBER_MAX ? 0 : size, 124, 12);
  octal(Math.min(Math.max(Math.floor(mtime), 0), NUMBER_MAX), 136, 12);
  out.write(`        ${flag}`, 148, "latin1");
  link.copy(out, 157, 0, NAME_BYTES);
  out.write("ustar\u000000", 257, "latin1");
  octal(checksum(out), 148, 7);
  return out;
}

/** `length key=value\n`, where the length counts itself. */
function record(key: string, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + 1;
  while (rest + String(length).length !== length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from("\n")]);
}

/** A header that was read: what it says, and whether it is one of ours or says more of the next one. */
export interface ReadHeader {
  readonly flag: string;
  readonly path: Buffer;
  readonly link: Buffer;
  readonly mode: number;
  readonly size: number;
  readonly mtime: number;
}

/** Reads a block as a header; `null` where it is none. */
export function readHeader(bytes: Buffer): ReadHeader | null {
  const numbers = [number(bytes, 100, 8), number(bytes, 124, 12), number(bytes, 136, 12), number(bytes, 148, 8)];
  const [mode, size, mtime, told] = numbers;
  if (mode === undefined || size === undefined || mtime === undefined || told !== checksum(bytes)) return null;
  const flag = bytes[156] === 0 ? "0" : bytes.toString("latin1", 156, 157);
  return { flag, path: text(bytes, 0, NAME_BYTES), link: text(bytes, 157, NAME_BYTES), mode, size, mtime };
}

/** What a pax header says of the member behind it; `null` where it is none. */
export function readPax(bytes: Buffer): { readonly path?: Buffer; readonly link?: Buffer; readonly size?: number } | null {
  const found: { path?: Buffer; link?: Buffer; size?: number } = {};
  for (let at = 0; at < bytes.length;) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString("latin1", at, space));
    if (space === -1 || !Number.isSafeInteger(length) || length < space - at + 4 || bytes[at + length - 1] !== 0x0a) return null;
    const body = bytes.subarray(space + 1, at + length - 1);
    const equals = body.indexOf(0x3d);
    const [key, value] = [body.toString("latin1", 0, equals), body.subarray(equals + 1)];
    if (equals === -1) return null;
    if (key === "path") found.path = value;
    if (key === "linkpath") found.link = value;
    if (key === "size") found.size = Number(value.toString("latin1"));
    at += length;
  }
  return found;
}

function checksum(bytes: Buffer): number {
  return bytes.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0);
}

function number(bytes: Buffer, at: number, width: number): number | undefined {
  const digits = text(bytes, at, width).toString("latin1").trim();
  return /^[0-7]*$/.test(digits) ? Number.parseInt(digits === "" ? "0" : digits, 8) : undefined;
}

function text(bytes: Buffer, at: number, width: number): Buffer {
  const field = bytes.subarray(at, at + width);
  const end = field.indexOf(0);
  return Buffer.from(end === -1 ? field : field.subarray(0, end));
}

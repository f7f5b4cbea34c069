const BLOCK = 512;

export interface TarEntry {
  readonly name: string;
  /** The format's type flag: `0` file (default), `1` hard link, `2` symlink, `3` `4` devices, `5` directory, `6` FIFO, `x` extended headers. */
  readonly type?: string;
  readonly content?: string | Uint8Array;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly link?: string;
  /** What the header says of its size, where that is a lie. */
  readonly size?: number;
}

/** A ustar archive of these entries, whatever they are: what hostile ones are written with too. */
export function tarOf(entries: readonly TarEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const content = Buffer.from(entry.content ?? "");
    return [headerOf(entry, content.length), content, Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** The content of an `x` header: `length key=value`, a line each. */
export function paxOf(records: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(records).map(([key, value]) => {
      const rest = Buffer.byteLength(` ${key}=${value}\n`);
      // The length counts its own digits.
      let length = rest + 1;
      while (rest + String(length).length !== length) length += 1;
      return Buffer.from(`${length} ${key}=${value}\n`);
    }),
  );
}

function headerOf(
  { name, type = "0", mode = type === "5" ? 0o755 : 0o644, uid = 0, gid = 0, link = "", size }: TarEntry,
  length: number,
): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, width: number): void => {
    block.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at, "latin1");
  };
  block.write(name, 0, 100);
  octal(mode, 100, 8);
  octal(uid, 108, 8);
  octal(gid, 116, 8);
  octal(size ?? length, 124, 12);
  octal(1_700_000_000, 136, 12);
  block.write("        ", 148, "latin1");
  block.write(type, 156, "latin1");
  block.write(link, 157, 100);
  block.write("ustar\u000000", 257, "latin1");
  octal(
    block.reduce((sum, byte) => sum + byte, 0),
    148,
    7,
  );
  return block;
}

import { posix } from "node:path";

/** Bytes that a capsule's files may have together at most, whatever its own bound: they are in the server's memory. */
export const DISK_BYTES_MAX = 64 * 1024 * 1024;

/** A failed file operation, in the words of the C library. */
export class DiskError extends Error {
  override readonly name = "DiskError";
}

interface File {
  parts: Buffer[];
  bytes: number;
}

/** The writable disk of one capsule: a few directories and a map of files, together at most `bytesMax`. */
export class FakeDisk {
  readonly #bytesMax: number;
  #bytes = 0;
  readonly #directories = new Set(["/", "/bin", "/dev", "/etc", "/home", "/root", "/tmp", "/usr", "/usr/bin", "/var", "/workspace"]);
  readonly #files = new Map<string, File>();

  constructor(bytesMax = DISK_BYTES_MAX) {
    this.#bytesMax = Math.min(bytesMax, DISK_BYTES_MAX);
  }

  hasDirectory(path: string): boolean {
    return this.#directories.has(posix.resolve("/", path));
  }

  hasFile(path: string): boolean {
    return this.#files.has(path);
  }

  makeDirectory(path: string): void {
    if (this.#directories.has(path) || this.#files.has(path)) throw new DiskError("File exists");
    this.#parent(path);
    this.#directories.add(path);
  }

  read(path: string): Buffer {
    if (path === "/dev/null") return Buffer.alloc(0);
    const file = this.#files.get(path);
    if (file === undefined) throw new DiskError(this.#directories.has(path) ? "Is a directory" : "No such file or directory");
    if (file.parts.length > 1) file.parts = [Buffer.concat(file.parts)];
    return file.parts[0] ?? Buffer.alloc(0);
  }

  /** Makes the file empty. */
  truncate(path: string): void {
    if (path === "/dev/null") return;
    if (this.#directories.has(path)) throw new DiskError("Is a directory");
    this.#parent(path);
    this.#bytes -= this.#files.get(path)?.bytes ?? 0;
    this.#files.set(path, { parts: [], bytes: 0 });
  }

  append(path: string, bytes: Buffer): void {
    if (path === "/dev/null") return;
    const file = this.#files.get(path);
    if (file === undefined) throw new DiskError("No such file or directory");
    if (this.#bytes + bytes.length > this.#bytesMax) throw new DiskError("No space left on device");
    file.parts.push(bytes);
    file.bytes += bytes.length;
    this.#bytes += bytes.length;
  }

  remove(path: string): void {
    this.#bytes -= this.#files.get(path)?.bytes ?? 0;
    if (!this.#files.delete(path)) throw new DiskError("No such file or directory");
  }

  #parent(path: string): void {
    if (!this.#directories.has(posix.dirname(path))) throw new DiskError("No such file or directory");
  }
}

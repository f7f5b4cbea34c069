import { posix } from "node:path";

/** Bytes that a capsule's files may have together. */
export const DISK_BYTES = 16 * 1024 * 1024;

/** A failed file operation, in the words of the C library. */
export class DiskError extends Error {
  override readonly name = "DiskError";
}

/** The writable disk of one capsule: a few directories and a map of files. */
export class FakeDisk {
  readonly #directories = new Set(["/", "/bin", "/dev", "/etc", "/home", "/root", "/tmp", "/usr", "/usr/bin", "/var", "/workspace"]);
  readonly #files = new Map<string, Buffer>();

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
    if (file !== undefined) return file;
    throw new DiskError(this.#directories.has(path) ? "Is a directory" : "No such file or directory");
  }

  write(path: string, bytes: Buffer): void {
    if (path === "/dev/null") return;
    if (this.#directories.has(path)) throw new DiskError("Is a directory");
    this.#parent(path);
    let size = bytes.length;
    for (const [name, file] of this.#files) if (name !== path) size += file.length;
    if (size > DISK_BYTES) throw new DiskError("No space left on device");
    this.#files.set(path, bytes);
  }

  remove(path: string): void {
    if (!this.#files.delete(path)) throw new DiskError("No such file or directory");
  }

  #parent(path: string): void {
    if (!this.#directories.has(posix.dirname(path))) throw new DiskError("No such file or directory");
  }
}

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

/** Permission bits, owners and the time of the last change, in Unix milliseconds. */
export interface DiskFacts {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly modifiedAt: number;
}

/** What has happened on a disk; `from` for what was moved to `path`. */
export interface DiskChange {
  readonly kind: "create" | "modify" | "delete" | "move" | "attrib";
  readonly path: string;
  readonly from?: string;
  readonly directory: boolean;
}

/** The writable disk of one capsule: a few directories and a map of files, together at most `bytesMax`. */
export class FakeDisk {
  readonly #bytesMax: number;
  #bytes = 0;
  readonly #directories = new Set(["/", "/bin", "/dev", "/etc", "/home", "/root", "/tmp", "/usr", "/usr/bin", "/var", "/workspace"]);
  readonly #files = new Map<string, File>();
  /** Facts of what is at a path, once somebody has asked or said. */
  readonly #facts = new Map<string, DiskFacts>();

  readonly #listeners = new Set<(change: DiskChange) => void>();
  #isQuiet = false;

  constructor(bytesMax = DISK_BYTES_MAX) {
    this.#bytesMax = Math.min(bytesMax, DISK_BYTES_MAX);
  }

  /** Tells what happens from here on. */
  onChange(listener: (change: DiskChange) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What `act` does is the move of one to another place, and nothing else. */
  asMove(from: string, path: string, act: () => void): void {
    const directory = this.hasDirectory(from);
    this.#isQuiet = true;
    try {
      act();
    } finally {
      this.#isQuiet = false;
    }
    this.#tell({ kind: "move", path, from, directory });
  }

  #tell(change: DiskChange): void {
    if (!this.#isQuiet) for (const listener of this.#listeners) listener(change);
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
    this.#tell({ kind: "create", path, directory: true });
  }

  /** Facts of a file or directory that is there. */
  facts(path: string): DiskFacts {
    const known = this.#facts.get(path) ?? {
      mode: this.#directories.has(path) ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      modifiedAt: Date.now(),
    };
    this.#facts.set(path, known);
    return known;
  }

  setFacts(path: string, changed: Partial<Omit<DiskFacts, "modifiedAt">>): void {
    this.#facts.set(path, { ...this.facts(path), ...changed });
    this.#tell({ kind: "attrib", path, directory: this.hasDirectory(path) });
  }

  /** Names in a directory, in the order of their bytes. */
  names(directory: string): readonly string[] {
    return [...this.#directories, ...this.#files.keys()]
      .filter((path) => path !== "/" && posix.dirname(path) === directory)
      .map((path) => posix.basename(path))
      .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  }

  /** Puts a file in the place of what is there. */
  put(path: string, bytes: Buffer, mode: number | undefined): void {
    if (this.#directories.has(path)) throw new DiskError("Is a directory");
    this.#parent(path);
    const before = this.#files.get(path);
    if (this.#bytes - (before?.bytes ?? 0) + bytes.length > this.#bytesMax) throw new DiskError("No space left on device");
    this.#bytes += bytes.length - (before?.bytes ?? 0);
    const kept = before === undefined ? { mode: 0o644, uid: 0, gid: 0 } : this.facts(path);
    this.#files.set(path, { parts: [bytes], bytes: bytes.length });
    this.#facts.set(path, { ...kept, mode: mode ?? kept.mode, modifiedAt: Date.now() });
    this.#tell({ kind: "create", path, directory: false });
  }

  /** Bytes that there is still room for. */
  get room(): number {
    return this.#bytesMax - this.#bytes;
  }

  /** Removes an empty directory. */
  removeDirectory(path: string): void {
    if (!this.#directories.has(path)) throw new DiskError("No such file or directory");
    if (this.names(path).length > 0) throw new DiskError("Directory not empty");
    this.#directories.delete(path);
    this.#facts.delete(path);
    this.#tell({ kind: "delete", path, directory: true });
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
    const before = this.#files.get(path);
    this.#bytes -= before?.bytes ?? 0;
    this.#files.set(path, { parts: [], bytes: 0 });
    this.#tell({ kind: before === undefined ? "create" : "modify", path, directory: false });
  }

  append(path: string, bytes: Buffer): void {
    if (path === "/dev/null") return;
    const file = this.#files.get(path);
    if (file === undefined) throw new DiskError("No such file or directory");
    this.#facts.delete(path);
    if (this.#bytes + bytes.length > this.#bytesMax) throw new DiskError("No space left on device");
    file.parts.push(bytes);
    file.bytes += bytes.length;
    this.#bytes += bytes.length;
    this.#tell({ kind: "modify", path, directory: false });
  }

  remove(path: string): void {
    this.#bytes -= this.#files.get(path)?.bytes ?? 0;
    this.#facts.delete(path);
    if (!this.#files.delete(path)) throw new DiskError("No such file or directory");
    this.#tell({ kind: "delete", path, directory: false });
  }

  /** What it holds now, in a disk of its own, whose bound is for what comes to it. */
  copy(bytesMax: number): FakeDisk {
    const made = new FakeDisk(this.#bytes + bytesMax);
    for (const path of this.#directories) made.#directories.add(path);
    for (const [path, { parts, bytes }] of this.#files) made.#files.set(path, { parts: [...parts], bytes });
    made.#bytes = this.#bytes;
    return made;
  }

  /** What is below a directory of it, in a disk of its own. */
  subtree(directory: string, bytesMax: number): FakeDisk {
    if (!this.#directories.has(directory)) throw new DiskError("No such file or directory");
    const made = new FakeDisk(this.#bytes + bytesMax);
    for (const path of this.#directories) if (path.startsWith(`${directory}/`)) made.#directories.add(path.slice(directory.length));
    for (const [path, { parts, bytes }] of this.#files) {
      if (!path.startsWith(`${directory}/`)) continue;
      made.#files.set(path.slice(directory.length), { parts: [...parts], bytes });
      made.#bytes += bytes;
    }
    return made;
  }

  get bytes(): number {
    return this.#bytes;
  }

  #parent(path: string): void {
    if (!this.#directories.has(posix.dirname(path))) throw new DiskError("No such file or directory");
  }
}

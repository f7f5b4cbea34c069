import { posix } from "node:path";
import type { DiskChange, FakeDisk } from "./disk.ts";
import type { WorkConnection } from "./file-work.ts";
import { jsonFrame } from "./frames.ts";

/** A directory of a fake disk that is watched. What the host does not take is left out, and told as an overflow. */
export class FileWatch {
  readonly #root: string;
  readonly #isRecursive: boolean;
  readonly #connection: WorkConnection;
  readonly #onGone: () => void;
  readonly #stopListening: () => void;
  #isBehind = false;

  constructor(disk: FakeDisk, root: string, isRecursive: boolean, connection: WorkConnection, onGone: () => void) {
    this.#root = root;
    this.#isRecursive = isRecursive;
    this.#connection = connection;
    this.#onGone = onGone;
    this.#stopListening = disk.onChange((change) => this.#take(change));
    connection.send(jsonFrame("head", { watches: isRecursive ? directoriesIn(disk, root) : 1 }));
  }

  close(): void {
    this.#stopListening();
  }

  #take(change: DiskChange): void {
    if (this.#isRoot(change)) return this.#onGone();
    const seen = this.#seen(change);
    if (seen === null || this.#isBehind) return;
    const room = this.#connection.drained();
    if (room === undefined) return this.#connection.send(jsonFrame("entry", seen));
    this.#isBehind = true;
    const overflow = (): void => {
      this.#isBehind = false;
      this.#connection.send(jsonFrame("entry", { kind: "overflow" }));
    };
    // A connection that breaks takes the watch with it.
    room.then(overflow, () => this.close());
  }

  /** Whether the directory itself went, or one that it is in. */
  #isRoot({ kind, path, from }: DiskChange): boolean {
    const left = kind === "delete" ? path : kind === "move" ? from : undefined;
    return left !== undefined && (left === this.#root || this.#root.startsWith(`${left}/`));
  }

  /** The change as who watches here sees it. */
  #seen({ kind, path, from, directory }: DiskChange): DiskChange | null {
    if (from === undefined) return this.#holds(path) ? { kind, path, directory } : null;
    if (this.#holds(path)) return this.#holds(from) ? { kind, path, from, directory } : { kind: "create", path, directory };
    return this.#holds(from) ? { kind: "delete", path: from, directory } : null;
  }

  #holds(path: string): boolean {
    return this.#isRecursive ? path.startsWith(this.#root === "/" ? "/" : `${this.#root}/`) : posix.dirname(path) === this.#root;
  }
}

function directoriesIn(disk: FakeDisk, path: string): number {
  const below = disk.names(path).map((name) => posix.join(path, name));
  return below.filter((one) => disk.hasDirectory(one)).reduce((sum, one) => sum + directoriesIn(disk, one), 1);
}

import { createHash } from "node:crypto";
import { DiskError } from "./disk.ts";
import type { FakeDisk } from "./disk.ts";
import { describeFile, diskRefusal, listPage, makeDirectory, makeWay, pathOf, removeTree } from "./files.ts";
import { changeModes, copyFiles, moveTree } from "./file-places.ts";
import type { HostFrame } from "./frames.ts";
import { bytesFrame, jsonFrame } from "./frames.ts";
import { FileWatch } from "./file-watch.ts";
import { packTree, unpackTree } from "./tar.ts";
import type { FileRequest } from "./requests.ts";
import { Refusal } from "./requests.ts";

/** Bytes of a file in one frame. */
const CHUNK_BYTES = 256 * 1024;

/** The connection that an operation on files has to itself. */
export interface WorkConnection {
  send(frame: Buffer): void;
  over(): void;
  /** Something to wait for where the other side is behind. */
  drained(): Promise<unknown> | undefined;
}

/** One operation on files, as a worker serves it. */
export class FileWork {
  readonly #disk: FakeDisk;
  readonly #request: FileRequest;
  readonly #connection: WorkConnection;
  readonly #received: Buffer[] = [];
  #size = 0;
  #isOver = false;
  #watch: FileWatch | null = null;

  constructor(disk: FakeDisk, request: FileRequest, connection: WorkConnection) {
    this.#disk = disk;
    this.#request = request;
    this.#connection = connection;
  }

  begin(): void {
    this.#try(() => this.#begin());
  }

  /** What comes while it is under way: the bytes of a file that is written. */
  frame(name: HostFrame, payload: Buffer): void {
    if (this.#isOver) return;
    this.#try(() => {
      if (name === "stdin") this.#take(payload);
      else if (name === "stdin_close") this.#publish();
      else if (name === "cancel" && this.#watch !== null) this.#end(jsonFrame("result", { ended: "cancelled" }));
      else if (name === "cancel") throw new Refusal("cancelled", "the host has cancelled it");
      else throw new Refusal("protocol", "an operation is under way");
    });
  }

  /** Nobody is there for it any more. */
  close(): void {
    this.#isOver = true;
    this.#watch?.close();
  }

  #begin(): void {
    const request = this.#request;
    if (request.op === "move") return this.#end(jsonFrame("result", moveTree(this.#disk, request)));
    if (request.op === "copy") return this.#end(jsonFrame("result", copyFiles(this.#disk, request)));
    const path = pathOf(request);
    switch (request.op) {
      case "chmod":
        return this.#end(jsonFrame("result", changeModes(this.#disk, request, path)));
      case "stat":
        return this.#end(jsonFrame("result", { entry: describeFile(this.#disk, path) }));
      case "list":
        return this.#end(jsonFrame("result", listPage(this.#disk, path, request)));
      case "mkdir":
        makeDirectory(this.#disk, path, request.parents);
        return this.#end(jsonFrame("result", { entry: describeFile(this.#disk, path) }));
      case "remove":
        return this.#end(jsonFrame("result", { removed: removeTree(this.#disk, path, request.recursive) }));
      case "read":
        return void this.#read(path);
      case "archive_read":
        return void this.#pack(path);
      case "archive_write":
        if (this.#disk.hasFile(path)) throw new DiskError("Not a directory");
        return;
      case "write":
        return this.#check(path);
      case "watch":
        if (describeFile(this.#disk, path).type !== "directory") throw new DiskError("Not a directory");
        this.#watch = new FileWatch(this.#disk, path, request.recursive, this.#connection, () =>
          this.#end(jsonFrame("result", { ended: "gone" })),
        );
        return;
    }
  }

  async #read(path: string): Promise<void> {
    const { from: asked, length: wanted } = this.#request;
    try {
      if (typeof asked !== "number") throw new Refusal("bad_request", "must be a number", "from");
      const from = asked;
      const facts = describeFile(this.#disk, path);
      const bytes = this.#disk.read(path);
      if (from > bytes.length) throw new Refusal("invalid_offset", `the file has ${bytes.length} bytes`, "from");
      const range = bytes.subarray(from, from + Math.min(wanted ?? bytes.length, bytes.length - from));
      const head = { size: bytes.length, from, length: range.length, modified_at_ms: facts.modified_at_ms };
      this.#connection.send(jsonFrame("head", head));
      await this.#sendBytes(range);
      this.#end(jsonFrame("result", { bytes: range.length, sha256: sha256([range]) }));
    } catch (error) {
      this.#refuse(error);
    }
  }

  async #pack(path: string): Promise<void> {
    try {
      const { archive, entries, bytes } = packTree(this.#disk, path);
      await this.#sendBytes(archive);
      this.#end(jsonFrame("result", { entries, bytes, skipped: 0, skipped_names: [] }));
    } catch (error) {
      this.#refuse(error);
    }
  }

  async #sendBytes(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      await this.#connection.drained();
      this.#connection.send(bytesFrame(bytes.subarray(at, at + CHUNK_BYTES)));
    }
  }

  #check(path: string): void {
    const { exclusive, size } = this.#request;
    if (this.#disk.hasDirectory(path)) throw new DiskError("Is a directory");
    if (exclusive && this.#disk.hasFile(path)) throw new DiskError("File exists");
    if (size !== undefined && size > this.#disk.room) throw new DiskError("No space left on device");
  }

  #take(payload: Buffer): void {
    if (this.#request.op !== "write" && this.#request.op !== "archive_write") return;
    this.#size += payload.length;
    if (this.#size > this.#disk.room) throw new DiskError("No space left on device");
    this.#received.push(Buffer.from(payload));
  }

  #publish(): void {
    if (this.#request.op === "archive_write") return this.#unpack();
    if (this.#request.op !== "write") return;
    const { size, mode } = this.#request;
    if (size !== undefined && size !== this.#size) throw new Refusal("bad_request", "is not how many bytes came", "size");
    const path = pathOf(this.#request);
    const created = !this.#disk.hasFile(path);
    makeWay(this.#disk, path);
    this.#disk.put(path, Buffer.concat(this.#received), mode);
    const entry = describeFile(this.#disk, path);
    this.#end(jsonFrame("result", { size: this.#size, sha256: sha256(this.#received), created, entry }));
  }

  #unpack(): void {
    const path = pathOf(this.#request);
    makeWay(this.#disk, `${path}/x`);
    this.#end(jsonFrame("result", unpackTree(this.#disk, path, Buffer.concat(this.#received))));
  }

  #try(act: () => void): void {
    try {
      act();
    } catch (error) {
      this.#refuse(error);
    }
  }

  #refuse(error: unknown): void {
    const refusal = error instanceof DiskError ? diskRefusal(error) : error;
    if (!(refusal instanceof Refusal)) throw error;
    this.#end(jsonFrame("error", { code: refusal.code, message: refusal.message, field: refusal.field }));
  }

  #end(last: Buffer): void {
    this.#isOver = true;
    this.#watch?.close();
    this.#connection.send(last);
    this.#connection.over();
  }
}

function sha256(parts: readonly Buffer[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

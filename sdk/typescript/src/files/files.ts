import { NotFoundError } from "../api-errors.ts";
import type { FileEntry, FilePage } from "../contract/schemas.ts";
import { DigestError } from "../errors.ts";
import { fromBase64, textOf, utf8 } from "../transport/bytes.ts";
import { bodyOf } from "../transport/body.ts";
import { itemsOf } from "../transport/pages.ts";
import { sha256 } from "../transport/sha256.ts";
import type { CallOptions, RepeatableOptions, Request, Transport } from "../transport/transport.ts";
import type { FileChange, WatchOptions } from "./watch.ts";
import { watchFiles } from "./watch.ts";

/** Bytes of what is written at once; more goes the way of a stream. */
const WRITE_BYTES_MAX = 100 * 1024 * 1024;

export interface WriteOptions extends CallOptions {
  /** Octal permission bits, e.g. `755`; an existing file keeps its own, a new one gets 644. */
  readonly mode?: string | undefined;
  /** Leave a file that is there alone, with a `ConflictError`. */
  readonly exclusive?: boolean | undefined;
}

export interface ArchiveOptions extends CallOptions {
  /** Who owns what is unpacked. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/** What was unpacked. */
export interface WrittenArchive {
  /** Files, directories and links. */
  readonly entries: number;
  /** Of the files. */
  readonly bytes: number;
}

export interface PlaceOptions extends RepeatableOptions {
  /** Replace what is there. */
  readonly overwrite?: boolean | undefined;
}

/** The files of a capsule: `capsule.files`. Paths are absolute, or relative to `/root`. */
export class Files {
  readonly #transport: Transport;
  readonly #capsuleId: string;

  constructor(transport: Transport, capsuleId: string) {
    this.#transport = transport;
    this.#capsuleId = capsuleId;
  }

  /** A file's bytes, compared with their digest where the server tells it. */
  async read(path: string, options: CallOptions = {}): Promise<Uint8Array> {
    const { headers, bytes } = await this.#transport.bytes("readFile", { ...this.#request(options), body: { path }, headers: ANY_BYTES });
    const told = /sha-256=:([^:]+):/.exec(headers.get("content-digest") ?? "")?.[1];
    if (told !== undefined) {
      const hash = sha256();
      hash.update(bytes);
      const due = [...fromBase64(told)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      if (hash.digest() !== due) throw new DigestError(`${path}: the bytes that came are not those of the file`);
    }
    return bytes;
  }

  /** A file as text; what is no UTF-8 is U+FFFD. */
  async readText(path: string, options: CallOptions = {}): Promise<string> {
    return textOf(await this.read(path, options));
  }

  /** A file of any size, piece by piece. It ends with an error where the file could not be sent to its end. */
  async readStream(path: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#transport.open("streamReadFile", { ...this.#request(options), body: { path }, headers: ANY_BYTES });
    return bodyOf(response, this.#transport.settings.url, options.signal);
  }

  /** Writes a file as a whole: readers see the old one or the new one. Directories on the way are made. A stream may have any size. */
  async write(path: string, data: string | Uint8Array | ReadableStream<Uint8Array>, options: WriteOptions = {}): Promise<void> {
    const { mode, exclusive, ...call } = options;
    const body = typeof data === "string" ? utf8(data) : data;
    const isSmall = body instanceof Uint8Array && body.length <= WRITE_BYTES_MAX;
    await this.#transport.none(isSmall ? "writeFile" : "streamWriteFile", {
      ...this.#request(call),
      query: { path, mode, exclusive },
      body,
      contentType: "application/octet-stream",
    });
  }

  /** What is in a directory, and below it to a depth, as it is taken. */
  list(path: string, options: CallOptions & { readonly depth?: number | undefined } = {}): AsyncGenerator<FileEntry, void, undefined> {
    const { depth, ...call } = options;
    return itemsOf(async (cursor) => {
      const { entries, next_cursor } = await this.#transport.json<FilePage>("listFiles", {
        ...this.#request(call),
        body: { path, depth, cursor },
      });
      return { items: entries, next_cursor };
    });
  }

  /** The facts of a file, a directory or a link; a link is not followed. */
  async stat(path: string, options: CallOptions = {}): Promise<FileEntry> {
    return this.#entry("statFile", options, { path });
  }

  async exists(path: string, options: CallOptions = {}): Promise<boolean> {
    try {
      await this.stat(path, options);
      return true;
    } catch (error) {
      if (error instanceof NotFoundError) return false;
      throw error;
    }
  }

  /** Makes a directory, and those on the way to it. */
  async makeDirectory(path: string, options: RepeatableOptions = {}): Promise<FileEntry> {
    return this.#entry("makeDirectory", options, { path });
  }

  /** Removes a file, a link, or a directory with all that is in it. */
  async remove(path: string, options: RepeatableOptions & { readonly recursive?: boolean | undefined } = {}): Promise<void> {
    const { recursive, ...call } = options;
    await this.#transport.none("removeFile", { ...this.#request(call), body: { path, recursive } });
  }

  /** Gives a file or directory another name or place. */
  async move(from: string, to: string, options: PlaceOptions = {}): Promise<FileEntry> {
    const { overwrite, ...call } = options;
    return this.#entry("moveFile", call, { from, to, overwrite });
  }

  /** Copies a file, or a directory with all that is in it; it appears whole, at the end. */
  async copy(from: string, to: string, options: PlaceOptions = {}): Promise<FileEntry> {
    const { overwrite, ...call } = options;
    return this.#entry("copyFile", call, { from, to, overwrite });
  }

  /** Changes permissions (octal, e.g. `755`) and owner; with `recursive` of all that is in a directory. */
  async chmod(
    path: string,
    change: {
      readonly mode?: string | undefined;
      readonly uid?: number | undefined;
      readonly gid?: number | undefined;
      readonly recursive?: boolean | undefined;
    },
    options: CallOptions = {},
  ): Promise<FileEntry> {
    return this.#entry("changeFileMode", options, { path, ...change });
  }

  /** A URL that reads a file once, within 30 s and without a key: for a page in a browser. */
  async downloadUrl(path: string, options: CallOptions = {}): Promise<string> {
    return this.#ticketUrl("downloadFile", path, options);
  }

  /**
   * A directory, or one file, as a tar archive of any size, piece by piece; names are relative to the directory, links are kept as links.
   * Sockets, FIFOs and devices are left out. It ends with an error where the directory could not be read to its end.
   */
  async readArchive(path: string, options: CallOptions = {}): Promise<ReadableStream<Uint8Array>> {
    const response = await this.#transport.open("readArchive", { ...this.#request(options), body: { path }, headers: ANY_BYTES });
    return bodyOf(response, this.#transport.settings.url, options.signal);
  }

  /**
   * Unpacks a tar archive (ustar, pax or GNU, not compressed) into a directory, beside what is there; a stream may have any size.
   * Owners are those that the archive names, unless `uid` and `gid` say otherwise. A member that would leave the directory ends it.
   */
  async writeArchive(
    path: string,
    archive: Uint8Array | ReadableStream<Uint8Array>,
    options: ArchiveOptions = {},
  ): Promise<WrittenArchive> {
    const { uid, gid, ...call } = options;
    return this.#transport.json<WrittenArchive>("writeArchive", {
      ...this.#request(call),
      query: { path, uid, gid },
      body: archive,
      contentType: "application/x-tar",
    });
  }

  /** A URL that gives a directory as a tar archive once, within 30 s and without a key: for a page in a browser. */
  async archiveUrl(path: string, options: CallOptions = {}): Promise<string> {
    return this.#ticketUrl("downloadArchive", path, options);
  }

  /**
   * What changes in a directory, as it happens: first `watching`, from which on nothing is missed; the last is `ended`, with its reason.
   * `overflow` says that changes are missing, after a cut or where there were too many: list the directory anew. Watching is no activity.
   */
  watch(path: string, options: WatchOptions = {}): AsyncGenerator<FileChange, void, undefined> {
    return watchFiles(this.#transport, this.#capsuleId, path, options);
  }

  /** A URL of a WebSocket that tells what changes in a directory, for one connection within 30 s and without a key: for a page in a browser. */
  async watchUrl(path: string, options: CallOptions & Pick<WatchOptions, "recursive"> = {}): Promise<string> {
    const { recursive, ...call } = options;
    return (await this.#ticketUrl("watchFiles", path, call, { recursive })).replace(/^http/, "ws");
  }

  async #ticketUrl(
    id: "downloadFile" | "downloadArchive" | "watchFiles",
    path: string,
    options: CallOptions,
    query: object = {},
  ): Promise<string> {
    const where = this.#transport.pathOf(id, { params: { id: this.#capsuleId }, query: { path, ...query } });
    const { ticket } = await this.#transport.json<{ readonly ticket: string }>("createTicket", { ...options, body: { path: where } });
    return `${this.#transport.settings.url}${where}&ticket=${ticket}`;
  }

  async #entry(
    id: "statFile" | "makeDirectory" | "moveFile" | "copyFile" | "changeFileMode",
    options: RepeatableOptions,
    body: object,
  ): Promise<FileEntry> {
    const { entry } = await this.#transport.json<{ readonly entry: FileEntry }>(id, { ...this.#request(options), body });
    return entry;
  }

  #request(options: RepeatableOptions): Request {
    return { ...options, params: { id: this.#capsuleId }, requestTimeoutMs: options.requestTimeoutMs ?? null };
  }
}

const ANY_BYTES = { accept: "application/octet-stream" } as const;

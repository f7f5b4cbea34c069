/** A path in a capsule, absolute: as text, or in base64 where it is no UTF-8. */
export type FilePath = { readonly path: string } | { readonly path_base64: string };

export type FileType = "file" | "directory" | "symlink" | "other";

/** The facts of what is at a path; a link is not followed. Names that are no UTF-8 have U+FFFD in them, and are in base64 beside it. */
export interface AgentFileEntry {
  readonly name: string;
  readonly nameBase64?: string;
  readonly path: string;
  readonly pathBase64?: string;
  readonly type: FileType;
  readonly size: number;
  /** Permission bits, 0 to 4095. */
  readonly mode: number;
  /** As `ls -l` has them; the first character tells what `other` is. */
  readonly permissions: string;
  readonly uid: number;
  readonly gid: number;
  readonly owner: string;
  readonly group: string;
  /** Unix milliseconds. */
  readonly modifiedAt: number;
  readonly symlinkTarget?: string;
  readonly symlinkTargetBase64?: string;
  /** What a link leads to; `null` for nothing. */
  readonly targetType?: FileType | null;
  readonly unreadable?: true;
}

export interface FileListRequest {
  readonly depth: number;
  readonly limit: number;
  /** The list goes on behind this path. */
  readonly after: FilePath | null;
}

export interface AgentFilePage {
  readonly entries: readonly AgentFileEntry[];
  /** What `after` takes for the next page; `null` when there is none. */
  readonly next: FilePath | null;
}

/** What is known of a file's content before its bytes come. */
export interface FileHead {
  /** Bytes of the whole file. */
  readonly size: number;
  readonly from: number;
  /** Bytes that come. */
  readonly length: number;
  /** Unix milliseconds. */
  readonly modifiedAt: number;
  /** Of the content, where the agent tells it: a file put in another's place has another one. */
  readonly inode: number | null;
}

/** A file being read. */
export interface FileDownload {
  readonly head: FileHead;
  /**
   * The next bytes, in order and without a promise where they have come; `null` after the last, when exactly `head.length` have. Throws
   * `AgentRefusal` and `AgentLostError`.
   */
  next(): Uint8Array | null | Promise<Uint8Array | null>;
  /** Of the bytes that came, in hex; known after the last. */
  readonly sha256: string | null;
  /** Ends it early; nothing after the end. */
  close(): void;
}

export interface FileWriteRequest {
  /** Permission bits; an existing file keeps its own where they are left out, a new one gets 0644. */
  readonly mode?: number;
  /** Refused with `exists` where there is a file. */
  readonly exclusive?: boolean;
  /** Bytes that will come, where that is known: what there is no room for is refused at once. */
  readonly size?: number;
}

export interface WrittenFile {
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
  readonly created: boolean;
}

/** Bytes on their way into a capsule. What they become is in its place once `finish` has resolved. */
export interface FileUpload<Outcome = WrittenFile> {
  /** Resolves once there is room for more; nothing to wait for where it gives no promise. Throws what the agent has said meanwhile. */
  send(bytes: Uint8Array): Promise<void> | undefined;
  finish(): Promise<Outcome>;
  /** Nothing after the end. A file that was not finished leaves nothing behind. */
  abort(): void;
}

/** What went into an archive. */
export interface ReadArchive {
  readonly entries: number;
  /** Of files. */
  readonly bytes: number;
  /** Sockets, FIFOs and devices, which are left out. */
  readonly skipped: number;
}

/** A tar stream being read. */
export interface ArchiveDownload {
  /**
   * The next bytes, in order and without a promise where they have come; `null` after the last of a whole archive. Throws `AgentRefusal`
   * and `AgentLostError`.
   */
  next(): Uint8Array | null | Promise<Uint8Array | null>;
  /** Known after the last. */
  readonly end: ReadArchive | null;
  /** Ends it early; nothing after the end. */
  close(): void;
}

export interface WrittenArchive {
  readonly entries: number;
  /** Of files. */
  readonly bytes: number;
}

export interface PlacementRequest {
  /** What is there is replaced, but no directory with anything in it; else it is refused with `exists`. */
  readonly overwrite: boolean;
  /** Makes the directories on the way. */
  readonly parents: boolean;
}

export interface CopiedFiles {
  /** Of the copy itself. */
  readonly entry: AgentFileEntry;
  /** Files, directories and links that were copied. */
  readonly entries: number;
  readonly bytes: number;
  /** Sockets and devices, which are not. */
  readonly skipped: number;
}

/** What is left out stays as it is; one at least is there. */
export interface ModeChange {
  /** Permission bits. */
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
}

export interface ChangedFiles {
  readonly entry: AgentFileEntry;
  readonly changed: number;
}

/** A path that changed, in base64 beside it where it is no UTF-8. */
export interface ChangedPath {
  readonly path: string;
  readonly pathBase64?: string;
  readonly isDirectory: boolean;
}

/** What happened in a directory that is watched. `overflow`: changes are missing, since they came faster than they were taken. */
export type FileChange =
  | (ChangedPath & { readonly kind: "created" | "modified" | "removed" | "attributes_changed" })
  | (ChangedPath & { readonly kind: "renamed"; readonly from: string; readonly fromBase64?: string })
  | { readonly kind: "overflow" };

/** A directory that is watched. Somebody must take its changes to the end or close it. */
export interface FileWatch {
  /** Directories that are watched, the one that was named included. */
  readonly directories: number;
  /**
   * What has changed since the last call, in order, once there is something; `null` once the directory itself is gone. While nobody
   * asks, no more is taken from the capsule than has a bound. Throws `AgentRefusal` and `AgentLostError`.
   */
  next(): Promise<readonly FileChange[] | null>;
  /** Ends it, and frees what it takes in the capsule; nothing after the end. */
  close(): void;
}

/** Files of one capsule, as its agent's workers serve them. Every method may throw `AgentRefusal` and `AgentLostError`. */
export interface AgentFiles {
  stat(path: FilePath): Promise<AgentFileEntry>;
  list(path: FilePath, request: FileListRequest): Promise<AgentFilePage>;
  /** `parents` makes those on the way, and is content with a directory that is there. */
  makeDirectory(path: FilePath, parents: boolean): Promise<AgentFileEntry>;
  /** How many entries went. */
  remove(path: FilePath, recursive: boolean): Promise<number>;
  /** A link is moved itself, not what it leads to. A refusal's field says which of the two paths is at fault. */
  move(from: FilePath, to: FilePath, request: PlacementRequest): Promise<AgentFileEntry>;
  /** A copy appears whole, and a link is copied itself. */
  copy(from: FilePath, to: FilePath, request: PlacementRequest & { readonly recursive: boolean }): Promise<CopiedFiles>;
  /** Follows a link that is named, and none below it. */
  changeMode(path: FilePath, change: ModeChange, recursive: boolean): Promise<ChangedFiles>;
  /** `length` null: to the end. An offset beyond it is refused with `invalid_offset`. */
  read(path: FilePath, from: number, length: number | null): Promise<FileDownload>;
  write(path: FilePath, request: FileWriteRequest): Promise<FileUpload>;
  /** A directory, without its own name, or one file, as a tar stream. */
  readArchive(path: FilePath): Promise<ArchiveDownload>;
  /** Unpacks below a directory and nowhere else; what was unpacked before it fails stays. */
  writeArchive(path: FilePath, owner: Omit<ModeChange, "mode">): Promise<FileUpload<WrittenArchive>>;
  /** Refused with `not_directory` where it is none, `watch_limit` where it has too many directories. Counts as no activity. */
  watch(path: FilePath, recursive: boolean): Promise<FileWatch>;
}

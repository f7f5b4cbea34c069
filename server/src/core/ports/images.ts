/** What an image says of the processes that run of it. */
export interface ImageDefaults {
  readonly envs: Readonly<Record<string, string>>;
  /** A name or a number, as the image has it; `null` is root. */
  readonly user: string | null;
  readonly cwd: string;
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
}

/** What an image is had from: a registry, or an archive on the server's disk. */
export type ImageSource =
  | { readonly reference: string; readonly credentials: { readonly username: string; readonly password: string } | null }
  | { readonly archivePath: string };

export interface ImageWork {
  readonly signal: AbortSignal;
  /** A line for people, of at most 1000 characters. */
  onLine(line: string): void;
}

export type ImageErrorCode =
  | "refused"
  | "not_found"
  | "unauthorized"
  | "too_big"
  | "bad_image"
  | "tool_missing"
  | "unreachable"
  | "timed_out";

/** An image cannot be had, or is not what an image may be. The message is for callers. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly code: ImageErrorCode;
  constructor(code: ImageErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Makes snapshots of images. Every call throws `ImageError`. */
export interface TemplateImages {
  /** What a source stands for now: the digest of its manifest (`sha256:…`), and what it says of its processes. */
  resolve(source: ImageSource, work: ImageWork): Promise<{ readonly digest: string; readonly defaults: ImageDefaults }>;
  /**
   * Unpacks it as a snapshot of that id, as `DriverSnapshots.take` leaves one: whole, or nothing where it throws, `HostFullError`
   * included. `diskMb` bounds what it may hold.
   */
  unpack(source: ImageSource, digest: string, snapshotId: string, diskMb: number, work: ImageWork): Promise<{ readonly sizeBytes: number }>;
}

/** One layer of an opened image. */
export interface ImageLayer {
  /** Bytes as they are transferred. */
  readonly sizeBytes: number;
  /**
   * The layer's tar stream, uncompressed. What was read may be used for nothing lasting before the last piece: only there it is known
   * that it is what the image's digest says. Throws `ImageError`.
   */
  read(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface OpenImage {
  readonly digest: string;
  readonly defaults: ImageDefaults;
  /** Lowest first. */
  readonly layers: readonly ImageLayer[];
  close(): Promise<void>;
}

/** Where images are had from. Throws `ImageError`. */
export interface ImageLibrary {
  /** `digest`, where it is given, is what the source must stand for. */
  open(source: ImageSource, digest: string | null, signal: AbortSignal): Promise<OpenImage>;
}

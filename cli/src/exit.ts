import {
  ApiError,
  CapsuledError,
  ConnectionError,
  MissingKeyError,
  RequestTimeoutError,
  SettingsError,
  StreamError,
  WrongServerError,
} from "capsuled";

/** Exit codes, as sysexits.h names them where it does. A command that runs in a capsule passes on its own. */
export const EXIT = {
  ok: 0,
  /** The server refused, or what was asked for failed. */
  failure: 1,
  /** The command line is wrong. */
  usage: 64,
  /** No server, or something else than one. */
  unavailable: 69,
  /** The command's own time, or the server's, ran out. */
  timeout: 124,
  /** The program does not exist, as shells say it. */
  notFound: 127,
  /** No key, or one that does not hold. */
  noPermission: 77,
  /** A setting is wrong. */
  config: 78,
  /** The terminal was closed. */
  hungUp: 129,
  /** Ctrl-C. */
  interrupted: 130,
  /** SIGTERM. */
  terminated: 143,
} as const;

/** The command line is wrong: told with how it is right. */
export class UsageError extends Error {}

/** Ends the program with a code, after what was to be said was said. */
export class ExitError extends Error {
  readonly exitCode: number;

  /** `cause`: what a server or the SDK said, in whose place this is told. */
  constructor(exitCode: number, message = "", options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

export function exitCodeOf(error: unknown): number {
  if (error instanceof ExitError) return error.exitCode;
  if (error instanceof UsageError) return EXIT.usage;
  if (error instanceof MissingKeyError) return EXIT.noPermission;
  if (error instanceof SettingsError) return EXIT.config;
  if (error instanceof ConnectionError || error instanceof WrongServerError) return EXIT.unavailable;
  if (error instanceof RequestTimeoutError) return EXIT.timeout;
  if (error instanceof StreamError && error.code === "spawn_failed") return EXIT.notFound;
  if (error instanceof ApiError && (error.code === "unauthorized" || error.code === "forbidden")) return EXIT.noPermission;
  if (error instanceof ApiError && error.code === "timeout") return EXIT.timeout;
  return EXIT.failure;
}

/** What to say of an error, and what to do about it. */
export function sayingOf(error: unknown): string {
  if (error instanceof CapsuledError || error instanceof UsageError || error instanceof ExitError) return error.message;
  return fileSaying(error) ?? (error instanceof Error ? (error.stack ?? error.message) : String(error));
}

const FILE_ERRORS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such file or directory",
  EACCES: "this user may not do that",
  EPERM: "this user may not do that",
  EISDIR: "it is a directory",
  ENOTDIR: "it is no directory, or lies below something that is none",
  ENOSPC: "the disk is full",
  EROFS: "it lies on a file system that cannot be written to",
  EEXIST: "it is there already",
};

/** What is wrong with a file of this machine; `null` where that is not what it is. */
function fileSaying(error: unknown): string | null {
  if (!(error instanceof Error) || !("code" in error) || typeof error.code !== "string" || !("syscall" in error)) return null;
  const path = "path" in error && (typeof error.path === "string" || Buffer.isBuffer(error.path)) ? `${error.path.toString()}: ` : "";
  return `${path}${FILE_ERRORS[error.code] ?? error.message}`;
}

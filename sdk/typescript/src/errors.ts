import type { CommandResult } from "./commands/command-result.ts";
import type { Capsule } from "./contract/schemas.ts";
import type { StreamErrorCode } from "./contract/operations.ts";

/** Base of every error that this SDK throws by itself. What a caller's own signal aborts throws the signal's reason. */
export abstract class CapsuledError extends Error {
  /** What happened, for programs: a code of the API's catalogue, or one of this SDK's own. */
  abstract readonly code: string;
  /**
   * Set where no answer told what became of a request, which may have been done: the same call with it as `idempotencyKey` tells what it
   * has come to, a capsule that was made included, and does nothing twice. For 24 hours.
   */
  idempotencyKey: string | null = null;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }

  /** Says by which name the request can be asked for again. */
  leaveOpen(key: string): void {
    this.idempotencyKey = key;
    this.message += ` What was asked may have been done all the same: asked again with the Idempotency-Key ${key}, it is not done twice.`;
  }
}

/** An option that cannot be meant. */
export class SettingsError extends CapsuledError {
  readonly code = "settings";
}

/** There is no API key. */
export class MissingKeyError extends CapsuledError {
  readonly code = "missing_key";

  constructor() {
    super(
      "There is no API key: set CAPSULED_API_KEY, or give `apiKey`. A server's first key is in the file `admin-key` of its data directory (/var/lib/capsuled/admin-key, where it was started as root).",
    );
  }
}

/** No answer came, or only a part of one. `outcome` says whether the server may have done what was asked. */
export class ConnectionError extends CapsuledError {
  readonly code = "connection";
  /** `nothing_done`: the request did not reach a server. `unknown`: it may have been done. */
  readonly outcome: "nothing_done" | "unknown";

  constructor(message: string, outcome: "nothing_done" | "unknown", options?: ErrorOptions) {
    super(message, options);
    this.outcome = outcome;
  }
}

/** The server did not answer within the time that this client gives it. */
export class RequestTimeoutError extends CapsuledError {
  readonly code = "request_deadline";
}

/** What answers at the URL is not a capsuled server, or one of another version that does not know what it is asked for. */
export class WrongServerError extends CapsuledError {
  readonly code = "wrong_server";
}

/** The bytes of a stream are not those whose digest its end tells. */
export class DigestError extends CapsuledError {
  readonly code = "digest";
}

/** What was written to a command's standard input may not have reached it: its connection was cut, or it does not read. */
export class StdinError extends CapsuledError {
  readonly code = "stdin";
}

/** A stream's server said that something is wrong. */
export class StreamError extends CapsuledError {
  readonly code: StreamErrorCode | (string & {});

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** A capsule does not come to run; or it was made, and no connection stood to see it run or to destroy it. */
export class CapsuleBootError extends CapsuledError {
  readonly code = "boot";
  /** The capsule as it was seen last. */
  readonly capsule: Capsule;

  constructor(message: string, capsule: Capsule, options?: ErrorOptions) {
    super(message, options);
    this.capsule = capsule;
  }
}

/** Thrown by `orThrow()` for a command that did not exit with 0. */
export class CommandError extends CapsuledError {
  readonly code = "command";
  /** All that is known of the command's end. */
  readonly result: CommandResult;

  constructor(result: CommandResult) {
    const said = result.stderr.trimEnd().split("\n").slice(-5).join("\n");
    const end = result.signal === null ? `exited with ${result.exit_code}` : `died by ${result.signal}`;
    super(`The command ${end} (${result.reason})${said === "" ? "" : `: ${said}`}`);
    this.result = result;
  }
}

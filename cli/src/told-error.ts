import { ApiError, CapsuledError } from "capsuled";
import { EXIT, ExitError, exitCodeOf, UsageError } from "./exit.ts";
import { asTyped } from "./invocation.ts";
import type { Started } from "./invocation.ts";
import { plainLines } from "./table.ts";

/** What telling needs of a process. */
export interface Teller extends Started {
  readonly stderr: { write(text: string): unknown };
}

/** Says what is wrong on standard error: as a line for people, or as one line of JSON, in the shape of the API's own errors. */
export function tellError(process: Teller, error: unknown, said: string, isJson: boolean): void {
  // What a server or a capsule says of itself is among it, and draws nothing on this terminal.
  const text = asTyped(process, plainLines(said));
  process.stderr.write(isJson ? `${JSON.stringify({ error: errorObject(error, text) })}\n` : `capsuled: ${text}\n`);
}

/** Says something that is no error, beside the output. */
export function tellNote(process: Teller, note: string, isJson: boolean): void {
  process.stderr.write(isJson ? `${JSON.stringify({ note: note.replace(/^capsuled: /, "").trim() })}\n` : `${note}\n`);
}

/** An error for programs. */
interface ErrorObject {
  /** Of the API's catalogue, of the SDK, of this machine's files (`ENOENT`), or one of `CODES`. */
  readonly code: string;
  readonly message: string;
  /** Of the answer that the server has in its log; `null` where none came. */
  readonly request_id: string | null;
  readonly details?: Readonly<Record<string, unknown>>;
  /** What to do, where that is known. */
  readonly hint?: string;
  /** What this program ends with, where this is what it ends with. */
  readonly exit_code: number;
}

/** Codes of what only this program refuses, by its exit code. */
const CODES: Readonly<Record<number, string>> = {
  [EXIT.usage]: "usage",
  [EXIT.unavailable]: "unavailable",
  [EXIT.timeout]: "timeout",
  [EXIT.noPermission]: "forbidden",
  [EXIT.config]: "settings",
};

/** `said`: all that people are told of it. */
export function errorObject(error: unknown, said: string): ErrorObject {
  const source = error instanceof ExitError && error.cause !== undefined ? error.cause : error;
  const details = source instanceof ApiError ? source.details : {};
  const { message, hint } = apart(said.replaceAll(/\n +/g, "\n"));
  return {
    code: codeOf(source),
    message,
    request_id: source instanceof ApiError ? source.requestId : null,
    ...(Object.keys(details).length === 0 ? {} : { details }),
    ...(hint === null ? {} : { hint }),
    exit_code: exitCodeOf(error),
  };
}

function codeOf(error: unknown): string {
  if (error instanceof CapsuledError) return error.code;
  if (error instanceof ExitError || error instanceof UsageError) return CODES[exitCodeOf(error)] ?? "failed";
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "failed";
}

/** What is wrong, and what to do: the latter begins with the first sentence, or part of one, that begins with a command. */
function apart(said: string): { readonly message: string; readonly hint: string | null } {
  const [, message, stop, hint] = /^([^]*?)([:;.?]) (`[^]*)$/.exec(said) ?? [];
  if (message === undefined || hint === undefined) return { message: said, hint: null };
  return { message: `${message}${stop === "?" ? "?" : "."}`, hint };
}

import { ERRORS } from "@capsuled/contract";
import type { ErrorCode } from "@capsuled/contract";

/** An error that a caller gets to see: a code of the catalogue, a public message, public details. The cause is for the log only. */
export class CapsuledError extends Error {
  override readonly name: string = "CapsuledError";
  readonly code: ErrorCode;
  readonly details: Readonly<Record<string, unknown>> | null;
  constructor(code: ErrorCode, message: string, details: Readonly<Record<string, unknown>> | null, cause: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }
  get status(): number {
    return ERRORS[this.code].status;
  }
}

/** An error that a repeated request gets again from its first time. */
export class ReplayedError extends CapsuledError {
  override readonly name = "ReplayedError";
}

/** The one way to make a `CapsuledError`: `throw fail("not_found", "There is no capsule with this id.")`. */
export function fail(
  code: ErrorCode,
  message?: string,
  options: { readonly details?: Readonly<Record<string, unknown>>; readonly cause?: unknown } = {},
): CapsuledError {
  return new CapsuledError(code, message ?? ERRORS[code].message, options.details ?? null, options.cause);
}

/** Bad input at `field`, in the catalogue's form. */
export function invalid(field: string, problem: string): CapsuledError {
  return fail("invalid_request", `${field}: ${problem}`, { details: { field, problems: [{ field, message: problem }] } });
}

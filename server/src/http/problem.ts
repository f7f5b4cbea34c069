import type { ErrorCode } from "@capsuled/contract";
import { ERRORS } from "@capsuled/contract";
import { StoreUnavailableError } from "../core/capsule/store.ts";
import { CapsuledError, fail, ReplayedError } from "../core/fail.ts";
import type { Log } from "../core/ports/log.ts";
import { refusalToError } from "../core/process/refusal.ts";
import type { Answer } from "./answer.ts";
import { json } from "./answer.ts";

/** Seconds after which a refused request is worth another try. */
export const RETRY_AFTER_SECONDS = 2;

export interface ProblemAnswer extends Answer {
  readonly code: ErrorCode;
}

/** The one place where what was thrown becomes what a caller reads. What is not known goes to the log, never out. */
export function renderProblem(error: unknown, requestId: string, log: Log): ProblemAnswer {
  const known = publicError(error);
  const spec = ERRORS[known.code];
  const fields = { request_id: requestId, code: known.code, err: known.cause ?? withoutOutput(known, error) };
  if (spec.category === "internal") log.error(fields, "a request failed");
  else if (spec.category === "upstream") log.warn(fields, "a request failed at what the server depends on");
  const body = {
    error: {
      code: known.code,
      message: known.message,
      request_id: requestId,
      ...(known.details === null ? {} : { details: known.details }),
    },
  };
  return { ...json(spec.status, body, problemHeaders(known)), code: known.code };
}

/** What a command printed, which may be secret, is in the details of some errors and in the words of these: neither goes to the log. */
const TELL_OUTPUT: ReadonlySet<ErrorCode> = new Set(["transform_failed", "run_failed", "timeout"]);

function withoutOutput(known: CapsuledError, error: unknown): unknown {
  if (known !== error) return error;
  return { type: known.name, message: TELL_OUTPUT.has(known.code) ? ERRORS[known.code].message : known.message };
}

/** The error of the catalogue for anything that was thrown. */
export function publicError(error: unknown): CapsuledError {
  if (error instanceof CapsuledError) return error;
  if (error instanceof StoreUnavailableError) return fail("unavailable", undefined, { cause: error });
  const refused = refusalToError(error);
  if (refused instanceof CapsuledError) return refused;
  return fail("internal_error", undefined, { cause: error });
}

function problemHeaders(error: CapsuledError): Readonly<Record<string, string>> | null {
  if (error instanceof ReplayedError) return { ...headersOf(error), "idempotent-replayed": "true" };
  return headersOf(error);
}

/** What knows better says so in `details.retry_after`. */
function retryAfterSeconds({ details }: CapsuledError): number {
  const seconds = details?.["retry_after"];
  return typeof seconds === "number" && Number.isFinite(seconds) ? Math.max(1, Math.ceil(seconds)) : RETRY_AFTER_SECONDS;
}

function headersOf(error: CapsuledError): Readonly<Record<string, string>> | null {
  if (error.status === 429 || error.status === 503) return { "retry-after": String(retryAfterSeconds(error)) };
  if (error.code === "unauthorized") return { "www-authenticate": 'ApiKey header="X-API-Key"' };
  if (error.code === "invalid_signature") return { "www-authenticate": "Signature" };
  if (error.code === "upgrade_required") return { upgrade: "websocket", connection: "upgrade" };
  const allow = error.details?.["allow"];
  if (error.code === "method_not_allowed" && Array.isArray(allow)) return { allow: allow.join(", ") };
  if (error.code === "too_large") return { connection: "close" };
  return null;
}

import { CapsuledError } from "./errors.ts";
import type { ErrorCode } from "./contract/operations.ts";

export interface ApiErrorFacts {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly requestId: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  /** Seconds that the server asks to wait before a repeat. */
  readonly retryAfterSec: number | null;
}

/** What the server answered in place of a result. Each code of the catalogue has a class of its own below. */
export class ApiError extends CapsuledError {
  readonly code: ErrorCode | (string & {});
  /** HTTP status. */
  readonly status: number;
  /** The server's log has it. */
  readonly requestId: string | null;
  /** Facts beside the code, e.g. `problems`: each bad field with what is wrong. */
  readonly details: Readonly<Record<string, unknown>>;
  readonly retryAfterSec: number | null;

  constructor(facts: ApiErrorFacts) {
    super(`${facts.message}${problemsIn(facts.details)}`);
    this.code = facts.code;
    this.status = facts.status;
    this.requestId = facts.requestId;
    this.details = facts.details;
    this.retryAfterSec = facts.retryAfterSec;
  }
}

export class InvalidRequestError extends ApiError {}
export class InvalidOffsetError extends ApiError {}
export class UnauthorizedError extends ApiError {}
export class InvalidSignatureError extends ApiError {}
export class ForbiddenError extends ApiError {}
export class NotFoundError extends ApiError {}
export class MethodNotAllowedError extends ApiError {}
export class RequestTooSlowError extends ApiError {}
export class InvalidStateError extends ApiError {}
export class TagInUseError extends ApiError {}
export class ConflictError extends ApiError {}
export class NameReservedError extends ApiError {}
export class TemplateNameTakenError extends ApiError {}
export class IdempotencyInProgressError extends ApiError {}
export class CapsuleGoneError extends ApiError {}
export class ResultExpiredError extends ApiError {}
export class TooLargeError extends ApiError {}
export class UnsupportedMediaTypeError extends ApiError {}
export class IdempotencyConflictError extends ApiError {}
export class RangeNotSatisfiableError extends ApiError {}
export class UpgradeRequiredError extends ApiError {}
export class QuotaExceededError extends ApiError {}
export class RateLimitedError extends ApiError {}
export class QueueFullError extends ApiError {}
export class QueueTimeoutError extends ApiError {}
export class InternalServerError extends ApiError {}
export class TransformFailedError extends ApiError {}
export class RunFailedError extends ApiError {}
export class AgentError extends ApiError {}
export class DiskFullError extends ApiError {}
export class PortUnavailableError extends ApiError {}
export class HostFullError extends ApiError {}
export class ProcessLimitError extends ApiError {}
export class ConnectionLimitError extends ApiError {}
export class UnavailableError extends ApiError {}
export class ShuttingDownError extends ApiError {}
/** A command ran into its timeout and was killed; `details` has its result so far. */
export class CommandTimeoutError extends ApiError {}

const CLASSES: Readonly<Record<ErrorCode, new (facts: ApiErrorFacts) => ApiError>> = {
  invalid_request: InvalidRequestError,
  invalid_offset: InvalidOffsetError,
  unauthorized: UnauthorizedError,
  invalid_signature: InvalidSignatureError,
  forbidden: ForbiddenError,
  not_found: NotFoundError,
  method_not_allowed: MethodNotAllowedError,
  request_timeout: RequestTooSlowError,
  invalid_state: InvalidStateError,
  tag_in_use: TagInUseError,
  conflict: ConflictError,
  name_reserved: NameReservedError,
  template_name_taken: TemplateNameTakenError,
  idempotency_in_progress: IdempotencyInProgressError,
  capsule_gone: CapsuleGoneError,
  result_expired: ResultExpiredError,
  too_large: TooLargeError,
  unsupported_media_type: UnsupportedMediaTypeError,
  idempotency_conflict: IdempotencyConflictError,
  range_not_satisfiable: RangeNotSatisfiableError,
  upgrade_required: UpgradeRequiredError,
  quota_exceeded: QuotaExceededError,
  rate_limited: RateLimitedError,
  queue_full: QueueFullError,
  queue_timeout: QueueTimeoutError,
  internal_error: InternalServerError,
  transform_failed: TransformFailedError,
  run_failed: RunFailedError,
  agent_error: AgentError,
  disk_full: DiskFullError,
  port_unavailable: PortUnavailableError,
  host_full: HostFullError,
  process_limit: ProcessLimitError,
  connection_limit: ConnectionLimitError,
  unavailable: UnavailableError,
  shutting_down: ShuttingDownError,
  timeout: CommandTimeoutError,
};

/** An error of its code's class; of the base where a newer server has a code that this SDK does not know. */
export function apiErrorOf(facts: ApiErrorFacts): ApiError {
  return new (isKnown(facts.code) ? CLASSES[facts.code] : ApiError)(facts);
}

function isKnown(code: string): code is ErrorCode {
  return Object.hasOwn(CLASSES, code);
}

/** The bad fields of a request, in words. */
function problemsIn(details: Readonly<Record<string, unknown>>): string {
  const { problems } = details;
  if (!Array.isArray(problems)) return "";
  const told = problems.flatMap((problem: unknown) => {
    if (typeof problem !== "object" || problem === null) return [];
    const { field, path, message } = problem as Readonly<Record<string, unknown>>; // an object; its fields are checked below
    const name = typeof field === "string" ? field : path;
    return typeof message === "string" ? [typeof name === "string" && name !== "" ? `${name}: ${message}` : message] : [];
  });
  // The message has the first one.
  return told.length < 2 ? "" : ` (${told.join("; ")})`;
}

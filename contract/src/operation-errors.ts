import type { ErrorCode } from "./errors.ts";
import { ERROR_CODES } from "./errors.ts";
import type { Operation } from "./operation.ts";

/** Every code that an operation can answer with: its own, and those that follow from what it takes. */
export function errorsOf(operation: Operation): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>([...operation.errors, "internal_error"]);
  if (operation.auth !== "none") codes.add("unauthorized");
  if (operation.auth === "admin") codes.add("forbidden");
  if (operation.socket !== undefined) codes.add("forbidden");
  if (operation.idempotency === "with_key" && operation.socket === undefined) {
    for (const code of ["invalid_request", "idempotency_conflict", "idempotency_in_progress", "unavailable"] as const) codes.add(code);
  }
  if (operation.path.includes("{")) codes.add("not_found");
  if (operation.body !== null)
    for (const code of ["invalid_request", "too_large", "unsupported_media_type", "request_timeout"] as const) codes.add(code);
  return ERROR_CODES.filter((code) => codes.has(code));
}

import type { ErrorCode, StreamErrorCode } from "@capsuled/contract";
import {
  API_VERSION,
  NO_SUCH_PATH,
  VERSION_HEADER,
  CLOSE_CODES,
  ERROR_CODES,
  ERRORS,
  OPERATION_LIST,
  STREAM_ERROR_CODES,
  documentedMethod,
} from "@capsuled/contract";
import { docstring, pascal, quoted } from "./names.ts";

const NOTE = "# Made by `npm run generate` from contract/. Do not change it by hand.";

/** The routes of the API: what a request needs to know of its operation. */
export function renderOperations(): string {
  const rows = OPERATION_LIST.map(
    ({ id, path, auth, idempotency, since = "0.1.0", ...operation }) =>
      `    ${quoted(id)}: Operation(${[id, documentedMethod({ id, path, auth, idempotency, ...operation }).toUpperCase(), path, auth, idempotency, since].map(quoted).join(", ")}),`,
  );
  return `${NOTE}
"""The operations of the API."""

from __future__ import annotations

from typing import Literal, NamedTuple

# The version of the API that this SDK is made from.
API_VERSION = ${quoted(API_VERSION)}
# On every answer of a server: its version.
VERSION_HEADER = ${quoted(VERSION_HEADER.toLowerCase())}
# An error's details.reason where the server does not know the path itself.
NO_SUCH_PATH = ${quoted(NO_SUCH_PATH)}

OperationId = Literal[
${OPERATION_LIST.map(({ id }) => `    ${quoted(id)},`).join("\n")}
]


class Operation(NamedTuple):
    """One route."""

    id: str
    method: str
    path: str
    auth: Literal["none", "optional", "member", "admin"]
    idempotency: Literal["safe", "idempotent", "with_key"]
    # The version that it came with.
    since: str


OPERATIONS: dict[OperationId, Operation] = {
${rows.join("\n")}
}
`;
}

/** Names that Python has already, or that say more than the code. */
const OWN_NAMES: Partial<Record<StreamErrorCode, string>> = { timeout: "CommandTimeoutError" };

/** A class for each code, so that programs can catch what they mean. */
export function renderErrors(): string {
  const streamOnly = STREAM_ERROR_CODES.filter((code) => !(code in ERRORS));
  const classes = [
    ...ERROR_CODES.map((code) => renderClass(code, ERRORS[code].message)),
    ...streamOnly.map((code) => renderClass(code, `A stream's error \`${code}\`.`)),
  ];
  const all = [...ERROR_CODES, ...streamOnly];
  return `${NOTE}
"""The closed catalogue of errors: a class for each code, and whether a repeat can help."""

from __future__ import annotations

from typing import Literal

from .._core.failures import ApiError

Retry = Literal["never", "immediately", "after_delay", "indeterminate"]


${classes.join("\n\n")}

CLASSES: dict[str, type[ApiError]] = {
${all.map((code) => `    ${quoted(code)}: ${className(code)},`).join("\n")}
}

RETRY: dict[str, Retry] = {
${ERROR_CODES.map((code) => `    ${quoted(code)}: ${quoted(ERRORS[code].retry)},`).join("\n")}
}

CLOSE_CODES: dict[int, str] = {
${Object.entries(CLOSE_CODES)
  .map(([name, code]) => `    ${code}: ${quoted(name)},`)
  .join("\n")}
}

__all__ = [
${all
  .map((code) => `    ${quoted(className(code))},`)
  .toSorted()
  .join("\n")}
]
`;
}

function renderClass(code: ErrorCode | StreamErrorCode, message: string): string {
  return `class ${className(code)}(ApiError):\n${docstring(`\`${code}\`: ${message}`, "    ")}\n`;
}

function className(code: ErrorCode | StreamErrorCode): string {
  const name = pascal(code);
  return OWN_NAMES[code] ?? (name.endsWith("Error") ? name : `${name}Error`);
}

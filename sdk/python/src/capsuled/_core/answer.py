"""What came back: an answer of this API's, an error of its catalogue, or something else altogether."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .._contract.errors import CLASSES, RETRY, Retry
from .failures import ApiError, ConnectionFailedError, UnexpectedAnswerError

BEGINNING_CHARS = 200
# What stands before a server says so when it cannot reach it.
GATEWAY_STATUSES = frozenset({502, 503, 504})


@dataclass(frozen=True)
class Answer:
    """An HTTP answer that came whole."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> Any:
        """Its body; an answer that is no JSON does not come from this server."""
        if self.headers.get("content-type", "").split(";", 1)[0].strip() != "application/json":
            raise self.unexpected("is not JSON")
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise self.unexpected("is not JSON") from error

    def unexpected(self, what: str) -> UnexpectedAnswerError:
        """The error for an answer that this server does not give."""
        beginning = self.content[: 4 * BEGINNING_CHARS].decode("utf-8", "replace")[:BEGINNING_CHARS]
        return UnexpectedAnswerError(
            f"The answer {what}: status {self.status}, beginning {beginning!r}. "
            "Is the URL (CAPSULED_URL, or url) that of a capsuled server?",
            status=self.status,
            beginning=beginning,
        )

    def error(self) -> ApiError | UnexpectedAnswerError | ConnectionFailedError:
        """The error that a status of 300 and above stands for, or one that is no success where it is asked for."""
        if self.status < 300:
            return self.unexpected("is none to what was asked")
        if self.status < 400:
            return self.unexpected("is a redirection, which this server does not give")
        try:
            body = self.json()
        except UnexpectedAnswerError as error:
            return self._foreign(error)
        found = body.get("error") if isinstance(body, dict) else None
        if not isinstance(found, dict) or not isinstance(found.get("code"), str):
            return self._foreign(self.unexpected("is no error of a capsuled server"))
        details = found.get("details")
        return api_error(
            found["code"],
            str(found.get("message", "")),
            status=self.status,
            details=details if isinstance(details, dict) else None,
            request_id=found.get("request_id") if isinstance(found.get("request_id"), str) else None,
        )

    def _foreign(self, unexpected: UnexpectedAnswerError) -> UnexpectedAnswerError | ConnectionFailedError:
        if self.status not in GATEWAY_STATUSES:
            return unexpected
        return ConnectionFailedError(
            f"Something else answered with {self.status} in place of the server behind it: {unexpected.beginning!r}"
        )


def api_error(
    code: str,
    message: str,
    *,
    status: int | None = None,
    details: Mapping[str, Any] | None = None,
    request_id: str | None = None,
) -> ApiError:
    """The error of this code's class; of the base class where the code is not known here."""
    return CLASSES.get(code, ApiError)(code, message, status=status, details=details, request_id=request_id)


def retry_of(code: str) -> Retry:
    """Whether a repeat can help, by the contract."""
    return RETRY.get(code, "never")

"""One request, before it is sent: its operation, its place and its body."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

from .._contract.operations import OPERATIONS, Operation, OperationId
from .._version import __version__
from .failures import SettingsError
from .settings import Settings

QueryValue = str | int | bool | None


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request to one operation. Everything that a repeat needs is in it: the key of its name too."""

    operation: Operation
    path: str
    content: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    # Another method, for the operation that takes any.
    method_given: str | None = None
    # Seconds that the server may take beyond the usual, because it was asked to wait; None is for ever.
    waits: float | None = 0.0

    def headers_for(self, settings: Settings) -> dict[str, str]:
        """All headers, the caller's key among them where the operation takes one."""
        headers = {"User-Agent": f"capsuled-python/{__version__}", "Accept": "application/json", **self.headers}
        if self.operation.auth in {"member", "admin"}:
            headers["X-API-Key"] = settings.key_for(self.operation.id)
        elif self.operation.auth == "optional" and settings.api_key is not None:
            headers["X-API-Key"] = settings.api_key
        return headers

    @property
    def method(self) -> str:
        """The HTTP method."""
        return self.method_given or self.operation.method

    @property
    def is_named(self) -> bool:
        """Whether a repeat of it is known by its name, and so done once."""
        return "Idempotency-Key" in self.headers

    @property
    def is_repeatable(self) -> bool:
        """Whether the contract says that a repeat does no harm."""
        return self.operation.idempotency != "with_key" or self.is_named


def new_key() -> str:
    """A name for one request, so that its repeats are known as such."""
    return f"py-{secrets.token_hex(16)}"


def make_request(
    operation_id: OperationId,
    *,
    params: Mapping[str, str] | None = None,
    query: Mapping[str, QueryValue] | None = None,
    body: Mapping[str, Any] | None = None,
    content: tuple[bytes, str] | None = None,
    method: str | None = None,
    headers: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
    waits: float | None = 0.0,
) -> Request:
    """A request to an operation. What a repeat would do again gets a name (`Idempotency-Key`) where the caller gives none."""
    operation = OPERATIONS[operation_id]
    sent: dict[str, str] = dict(headers or {})
    sent_content: bytes | None = None
    if body is not None:
        sent_content = encode_json({name: value for name, value in body.items() if value is not None})
        sent["Content-Type"] = "application/json"
    elif content is not None:
        sent_content, sent["Content-Type"] = content
    if operation.idempotency == "with_key":
        sent["Idempotency-Key"] = new_key() if idempotency_key is None else _checked_key(idempotency_key)
    return Request(
        operation=operation,
        path=path_of(operation, params or {}, query or {}),
        content=sent_content,
        headers=sent,
        method_given=method,
        waits=waits,
    )


def _checked_key(key: str) -> str:
    if key and key.isascii() and key.isprintable() and key == key.strip():
        return key
    raise SettingsError(f"idempotency_key must be printable ASCII without blanks around it and is {key!r}.")


def encode_json(value: Any) -> bytes:
    """JSON in UTF-8; what JSON cannot say is the caller's mistake."""
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:  # UnicodeEncodeError is a ValueError: lone surrogates
        raise SettingsError(f"This cannot be sent as JSON: {error}") from error


def path_of(operation: Operation, params: Mapping[str, str], query: Mapping[str, QueryValue]) -> str:
    """Path and query, each part quoted."""
    path = operation.path
    for name, value in params.items():
        if value in {"", ".", ".."}:
            raise SettingsError(f"{name} must name something and is {value!r}.")
        path = path.replace(f"{{{name}}}", quote(value, safe=""))
    given = {name: _query_text(value) for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _query_text(value: QueryValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

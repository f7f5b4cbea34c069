"""What the server tells in a stream, one message after another, from its text."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, TypeVar

from .decode import decode
from .failures import UnexpectedAnswerError
from .sse import ServerSentEvent

T = TypeVar("T")


def json_of(text: str, what: str) -> Any:
    """The value that a text says."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UnexpectedAnswerError(f"{what} is no JSON: {text[:80]!r}", beginning=text[:200]) from error


def message_of(text: str) -> dict[str, Any]:
    """A message of a WebSocket."""
    message = json_of(text, "a message")
    if not isinstance(message, dict):
        raise UnexpectedAnswerError(f"a message is no object: {text[:80]!r}", beginning=text[:200])
    return message


def event_of_kinds(event: ServerSentEvent, kinds: Iterable[type[T]]) -> T | None:
    """An event by its `type`; None for one of a newer server."""
    value = json_of(event.data, "an event")
    told = value.get("type") if isinstance(value, dict) else None
    kind = next((kind for kind in kinds if getattr(kind, "type", None) == told), None)
    return None if kind is None else decode(kind, value, "an event")

"""Events of builds, from what the server sends."""

from __future__ import annotations

import json

from ..build_events import BuildEndEvent, BuildEvent, BuildGapEvent, BuildOutputEvent, BuildStepEvent
from .decode import decode
from .failures import UnexpectedAnswerError
from .sse import ServerSentEvent

KINDS: dict[str, type[BuildEvent]] = {
    "step": BuildStepEvent,
    "output": BuildOutputEvent,
    "gap": BuildGapEvent,
    "end": BuildEndEvent,
}


def build_event(event: ServerSentEvent) -> BuildEvent | None:
    """The event; None for one of a newer server."""
    try:
        value = json.loads(event.data)
    except ValueError as error:
        raise UnexpectedAnswerError(f"an event is no JSON: {event.data[:80]!r}", beginning=event.data[:200]) from error
    kind = KINDS.get(str(value.get("type"))) if isinstance(value, dict) else None
    return None if kind is None else decode(kind, value, "an event")

"""Server-Sent Events, from bytes as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .failures import UnexpectedAnswerError

# Bytes of one line; the server splits what a command prints at less.
LINE_BYTES_MAX = 4 * 1024 * 1024


@dataclass(frozen=True)
class ServerSentEvent:
    """One event. `id` is the stream's position after it; an event without data only moves the position."""

    event: str
    data: str
    id: str | None


def headers_behind(last_id: str | None) -> dict[str, str]:
    """What a request for events says: where to go on, if it does."""
    return {"Accept": "text/event-stream", **({} if last_id is None else {"Last-Event-ID": last_id})}


class EventParser:
    """Takes bytes, however they are cut, and gives the events that are whole."""

    def __init__(self) -> None:
        self._rest = b""
        self._data: list[str] = []
        self._event = ""
        self._id: str | None = None
        self._has_id = False

    def feed(self, chunk: bytes) -> Iterator[ServerSentEvent]:
        """The events that end in this chunk. A last event that is not followed by an empty line is none."""
        lines = (self._rest + chunk).split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > LINE_BYTES_MAX:
            raise UnexpectedAnswerError(f"a line of more than {LINE_BYTES_MAX} bytes in a stream of events")
        for line in lines:
            event = self._line(line.removesuffix(b"\r").decode("utf-8", "replace"))
            if event is not None:
                yield event

    def _line(self, line: str) -> ServerSentEvent | None:
        if line == "":
            return self._dispatch()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "data":
                self._data.append(value)
            case "event":
                self._event = value
            case "id":
                self._id, self._has_id = value, True
            case _:
                pass  # a comment, or `retry`
        return None

    def _dispatch(self) -> ServerSentEvent | None:
        data, event, has_id = "\n".join(self._data), self._event, self._has_id
        has_data = bool(self._data)
        self._data, self._event, self._has_id = [], "", False
        if not has_data and not has_id:
            return None
        return ServerSentEvent(event or "message", data, self._id)

"""Events of a stream that came while nobody read it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from ..stream_events import StderrEvent, StdoutEvent, StreamEvent

# Events, and bytes of output, that are kept while a process is written to.
HELD_EVENTS_MAX = 1024
HELD_BYTES_MAX = 64 * 1024 * 1024


class HeldEvents:
    """In order, and whether there are more of them than may be kept."""

    def __init__(self) -> None:
        self._events: deque[StreamEvent] = deque()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._events)

    @property
    def is_beyond(self) -> bool:
        """Whether somebody has to read them before more is taken."""
        return len(self._events) > HELD_EVENTS_MAX or self._bytes > HELD_BYTES_MAX

    def extend(self, events: Iterable[StreamEvent]) -> None:
        """Puts events behind those that are there."""
        for event in events:
            self._events.append(event)
            self._bytes += _size(event)

    def take(self) -> StreamEvent:
        """The first of them."""
        event = self._events.popleft()
        self._bytes -= _size(event)
        return event


def _size(event: StreamEvent) -> int:
    return len(event.raw) if isinstance(event, StdoutEvent | StderrEvent) else 0

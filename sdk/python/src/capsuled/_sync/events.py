# Made by tools/make_sync.py from _async/events.py. Do not change it by hand.
"""What happens to the team's capsules and processes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, get_args

from .._contract.models import Event
from .._core.decode import decode
from .._core.request import make_request
from .._core.sse import headers_behind
from .._core.told import json_of
from .event_source import EventSource
from .paging import listed
from .transport import Transport

EventType = Literal[
    "capsule.created",
    "capsule.running",
    "capsule.paused",
    "capsule.resumed",
    "capsule.stopped",
    "capsule.error",
    "capsule.destroyed",
    "process.started",
    "process.ended",
]


class Events:
    """The team's events: `client.events`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def list(
        self,
        *,
        capsule: str | None = None,
        type: EventType | None = None,
        since: int | None = None,
        order: Literal["asc", "desc"] = "desc",
    ) -> Iterator[Event]:
        """Events that are kept, newest first, read page by page; types of a newer server are passed over.

        Args:
            capsule: Only those of this capsule and its processes.
            type: Only those of this type.
            since: Only those after this id.
            order: `asc` is oldest first.
        """
        query = {"capsule": capsule, "type": type, "since": since, "order": order}
        return known(listed(self._transport, "listEvents", query, _decoded))

    def stream(
        self,
        *,
        capsule: str | None = None,
        type: EventType | None = None,
        begin: Literal["now", "start"] | int = "now",
    ) -> Iterator[Event | EventGap]:
        """Follows events as they happen, over cuts, each once; without end. Types of a newer server are passed over.

        Args:
            begin: `now`, `start`, or the id of the last event that you have.
        """
        source = EventSource(
            self._transport,
            lambda last_id: make_request(
                "streamEvents",
                query={"capsule": capsule, "type": type, "from": begin if last_id is None else None},
                headers=headers_behind(last_id),
            ),
        )
        for event in source.events():
            value = json_of(event.data, "an event")
            told = decode(EventGap, value, "a gap") if event.event == "gap" else _decoded(value)
            if told is not None:
                yield told


@dataclass(frozen=True)
class EventGap:
    """Events that were removed before they could be read."""

    from_id: int
    to_id: int


def known(events: Iterator[Event | None]) -> Iterator[Event]:
    """Those whose type this SDK knows."""
    for event in events:
        if event is not None:
            yield event


def _decoded(value: Any) -> Event | None:
    """An event; None for one of a type that this SDK does not know."""
    if isinstance(value, dict) and isinstance(value.get("type"), str) and value["type"] not in get_args(EventType):
        return None
    event: Event = decode(Event, value, "an event")  # type: ignore[arg-type]
    return event

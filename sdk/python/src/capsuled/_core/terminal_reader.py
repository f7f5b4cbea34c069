"""Reads a terminal over any number of sockets: every byte once, in order."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

from ..terminal_events import TerminalEvent, TerminalExitEvent, TerminalOutputEvent, TerminalStartedEvent
from .decode import decode
from .failures import UnexpectedAnswerError


class TerminalReader:
    """The state of one viewer.

    A record may come in several messages, of which only the last carries its number. What came of a record that a cut
    left unfinished comes again with the whole record, and is dropped.
    """

    def __init__(self) -> None:
        self.started: TerminalStartedEvent | None = None
        self.exit: TerminalExitEvent | None = None
        self.next_seq: int | None = None
        self._unfinished = 0
        self._repeated = 0

    def cut(self) -> None:
        """The socket is gone: the next one begins with the record that was not finished."""
        self._repeated, self._unfinished = self._unfinished, 0

    def take(self, message: dict[str, Any]) -> Iterator[TerminalEvent]:
        """The events of one message."""
        match message.get("type"):
            case "started":
                event = decode(TerminalStartedEvent, message, "started")
                if self.next_seq is None:
                    self.next_seq = event.next_seq
                    self.started = event
                    yield event
            case "output":
                yield from self._shown(message)
            case "exit":
                self.exit = decode(TerminalExitEvent, message, "exit")
                yield self.exit
            case _:
                return  # `ping`, or of a newer server

    def _shown(self, message: dict[str, Any]) -> Iterator[TerminalEvent]:
        try:
            raw = base64.b64decode(str(message.get("data", "")), validate=True)
        except ValueError as error:
            raise UnexpectedAnswerError(f"a terminal's output that should be base64 is not: {error}") from error
        self._unfinished += len(raw)
        dropped = min(self._repeated, len(raw))
        self._repeated -= dropped
        seq = message.get("seq")
        if isinstance(seq, int):
            self.next_seq, self._unfinished, self._repeated = seq + 1, 0, 0
        gap = message.get("gap_bytes", 0)
        if raw[dropped:] or gap:
            yield TerminalOutputEvent(raw[dropped:], gap if isinstance(gap, int) else 0)

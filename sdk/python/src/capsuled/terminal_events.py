"""What a terminal tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ._contract.models import Requested
from ._core.outcome import Outcome


@dataclass(frozen=True)
class TerminalStartedEvent:
    """The terminal is there."""

    tag: str
    """Its name; `pty_connect` comes back by it."""
    pid: int
    id: str
    cols: int
    rows: int
    next_seq: int
    type: Literal["started"] = "started"


@dataclass(frozen=True)
class TerminalOutputEvent:
    """What it shows: bytes for a terminal emulator, cut anywhere."""

    raw: bytes
    gap_bytes: int
    """Bytes just before these that are not kept any more."""
    type: Literal["output"] = "output"


@dataclass(frozen=True, kw_only=True)
class TerminalExitEvent(Outcome):
    """Its program has ended, and why."""

    exit_code: int
    reason: str
    signal: str | None
    duration_ms: int
    requested: Requested | None
    type: Literal["exit"] = "exit"


TerminalEvent = TerminalStartedEvent | TerminalOutputEvent | TerminalExitEvent

"""What a streamed call of an endpoint tells, one event after another."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any, Literal, get_args

from ._core.outcome import Outcome


@dataclass(frozen=True)
class OutputEvent:
    """One line that the command printed, without its end."""

    data: str
    stream: Literal["stdout", "stderr"]
    partial: bool | None = None
    """The line goes on in the next event: it is longer than the bound."""
    encoding: Literal["base64"] | None = None
    """Set where the line is no text."""
    type: Literal["output"] = "output"

    @property
    def raw(self) -> bytes:
        """The line's bytes."""
        return base64.b64decode(self.data) if self.encoding == "base64" else self.data.encode()


@dataclass(frozen=True)
class TransformedOutputEvent:
    """What the transformer made of standard output."""

    data: Any
    type: Literal["transformed_output"] = "transformed_output"


@dataclass(frozen=True)
class OutputGapEvent:
    """Bytes that are not kept any more."""

    stdout_bytes: int
    stderr_bytes: int
    type: Literal["gap"] = "gap"


@dataclass(frozen=True, kw_only=True)
class DoneEvent(Outcome):
    """The run has ended; a non-zero exit is a fact, not an error."""

    exit_code: int
    duration_ms: int
    run_id: str
    reason: str
    signal: str | None
    stdout_bytes: int
    stderr_bytes: int
    type: Literal["done"] = "done"


@dataclass(frozen=True, kw_only=True)
class RunErrorEvent:
    """The run came to no end of its own: it timed out, was cancelled, or could not be started."""

    error: str
    run_id: str
    reason: str | None
    type: Literal["error"] = "error"


CallEvent = OutputEvent | TransformedOutputEvent | OutputGapEvent | DoneEvent | RunErrorEvent
CALL_EVENTS: tuple[type[CallEvent], ...] = get_args(CallEvent)
CALL_ENDS = (DoneEvent, RunErrorEvent)

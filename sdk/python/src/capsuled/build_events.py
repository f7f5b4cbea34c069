"""What the build of a template tells, one event after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from ._contract.models import BuildFailure


@dataclass(frozen=True)
class BuildStepEvent:
    """A step begins, ends, or is taken from the cache; step 0 is the base."""

    step: int
    command: str
    state: Literal["started", "cached", "done", "failed"]
    duration_ms: int | None = None
    exit_code: int | None = None
    type: Literal["step"] = "step"


@dataclass(frozen=True)
class BuildOutputEvent:
    """What a step printed."""

    step: int
    stream: Literal["stdout", "stderr"]
    data: str
    type: Literal["output"] = "output"


@dataclass(frozen=True)
class BuildGapEvent:
    """Bytes that were printed beyond the log's bound, and are not in it."""

    step: int
    bytes: int
    type: Literal["gap"] = "gap"


@dataclass(frozen=True)
class BuildEndEvent:
    """The end of the build; nothing comes after it."""

    state: Literal["ready", "failed", "cancelled"]
    reason: str | None
    message: str | None
    error: BuildFailure | None
    type: Literal["end"] = "end"


BuildEvent = BuildStepEvent | BuildOutputEvent | BuildGapEvent | BuildEndEvent
BUILD_EVENTS: tuple[type[BuildEvent], ...] = get_args(BuildEvent)

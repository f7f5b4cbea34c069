"""What a streamed command tells, one event after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ._contract.models import Requested
from ._core.outcome import Outcome


@dataclass(frozen=True)
class StartEvent:
    """The process runs, or was attached to."""

    pid: int
    id: str
    """The process's id, which is never used again."""
    tag: str
    next_seq: int
    """The number of the first record that comes."""
    type: Literal["start"] = "start"


@dataclass(frozen=True)
class StdoutEvent:
    """A piece of standard output."""

    data: str
    """As text, with U+FFFD for what is no character. A split character comes whole, with its last record."""
    raw: bytes
    """The bytes themselves. Where a stream was joined in the middle without `binary`, those of `data`."""
    seq: int
    """The record's number; `seq + 1` is where to go on from."""
    type: Literal["stdout"] = "stdout"


@dataclass(frozen=True)
class StderrEvent:
    """A piece of standard error; its fields are those of `StdoutEvent`."""

    data: str
    raw: bytes
    seq: int
    type: Literal["stderr"] = "stderr"


@dataclass(frozen=True)
class GapEvent:
    """Output that is not kept any more: a limit of the journal forced it out before it was read."""

    from_seq: int
    seq: int
    stdout_bytes: int
    stderr_bytes: int
    type: Literal["gap"] = "gap"


@dataclass(frozen=True, kw_only=True)
class ExitEvent(Outcome):
    """The end, and why. A non-zero exit is a fact, not an error; `or_raise` makes it one."""

    exit_code: int
    """128 + the signal's number for a death by signal."""
    reason: str
    """Why it ended: `exited`, `signaled`, `timed_out`, `oom_killed`, `killed`, `stopped`, …"""
    signal: str | None
    seq: int
    duration_ms: int
    oom_kills: int
    """How many processes of the capsule ran out of memory while it ran."""
    requested: Requested | None
    """Who asked for its end."""
    stdout_bytes: int
    stderr_bytes: int
    late_bytes: int
    """Bytes that descendants printed after its end; not kept."""
    stdout_sha256: str | None
    stderr_sha256: str | None
    verified: bool
    """Whether every byte came and both digests match; False where it was joined in the middle or has gaps."""
    type: Literal["exit"] = "exit"


StreamEvent = StartEvent | StdoutEvent | StderrEvent | GapEvent | ExitEvent

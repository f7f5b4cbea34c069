"""What a command that was waited for gives."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field

from ._contract.models import ExecResult, MemoryEvidence, Requested
from ._core.failures import UnexpectedAnswerError
from ._core.outcome import Outcome

# Bytes of each stream that a result holds at most, as the server's own bound for a foreground command.
RESULT_BYTES_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class CommandResult(Outcome):
    """A command that has ended: what it printed, its exit code, and why it ended."""

    exit_code: int
    """128 + the signal's number for a death by signal; 127: not found, 126: not executable."""
    reason: str
    """Why it ended: `exited`, `signaled`, `oom_killed`, `killed`, `spawn_failed`, …"""
    signal: str | None
    """The signal it died by, e.g. `SIGKILL`."""
    raw_stdout: bytes = field(repr=False)
    """Standard output, exactly."""
    raw_stderr: bytes = field(repr=False)
    """Standard error, exactly."""
    duration_ms: int
    id: str
    """The process's id."""
    pid: int | None
    """None when it could not start."""
    oom_kills: int
    """How many processes of the capsule ran out of memory while it ran."""
    requested: Requested | None
    """Who asked for its end."""
    evidence: MemoryEvidence | None
    """The capsule's memory, where it was the end of the command."""
    stdout_bytes: int
    """All that it printed there, also where the result holds only the head."""
    stderr_bytes: int
    late_bytes: int
    """Bytes that descendants printed after its end; not kept."""
    stdout_sha256: str | None
    stderr_sha256: str | None
    stdout_truncated: bool
    """Whether there is more than the result holds (16 MiB): `commands.output` reads it."""
    stderr_truncated: bool

    @property
    def stdout(self) -> str:
        """Standard output as text, with U+FFFD for what is no UTF-8."""
        return self.raw_stdout.decode("utf-8", "replace")

    @property
    def stderr(self) -> str:
        """Standard error as text, with U+FFFD for what is no UTF-8."""
        return self.raw_stderr.decode("utf-8", "replace")

    def _told(self) -> str:
        return self.stderr


@dataclass(frozen=True, kw_only=True)
class WrittenArchive:
    """What was unpacked."""

    entries: int
    """Files, directories and links."""
    bytes: int
    """Of the files."""


@dataclass(frozen=True, kw_only=True)
class FileChange:
    """What a watch of a directory tells.

    `type` is `created`, `modified`, `removed`, `renamed` or `attributes_changed` for a change; `watching`, the first, from
    which on nothing is missed; `overflow`, where changes are missing: list the directory anew; `paused` and `resumed` of the
    capsule; `ended`, the last, with its `reason`.
    """

    type: str
    seq: int
    """Dense from 1; a cut begins anew."""
    path: str | None = None
    """Where, absolute."""
    path_base64: str | None = None
    """The path itself where it is no UTF-8; `path` then has U+FFFD in it."""
    from_: str | None = None
    """Where it was, for `renamed`."""
    from_base64: str | None = None
    directory: bool | None = None
    """Whether it is one."""
    directories: int | None = None
    """How many are watched, for `watching`."""
    reason: str | None = None
    """Of `ended`: `removed`, `capsule_stopped`, `capsule_destroyed`, `watch_limit` or `lost`."""


def result_of(answer: ExecResult) -> CommandResult:
    """A foreground command's answer, its bytes as bytes."""
    return CommandResult(
        exit_code=answer.exit_code,
        reason=answer.reason,
        signal=answer.signal,
        raw_stdout=_bytes_of(answer.stdout, answer.encoding),
        raw_stderr=_bytes_of(answer.stderr, answer.encoding),
        duration_ms=answer.duration_ms,
        id=answer.id,
        pid=answer.pid,
        oom_kills=answer.oom_kills,
        requested=answer.requested,
        evidence=answer.evidence,
        stdout_bytes=answer.stdout_bytes,
        stderr_bytes=answer.stderr_bytes,
        late_bytes=answer.late_bytes,
        stdout_sha256=answer.stdout_sha256,
        stderr_sha256=answer.stderr_sha256,
        stdout_truncated=answer.stdout_truncated,
        stderr_truncated=answer.stderr_truncated,
    )


def _bytes_of(text: str, encoding: str) -> bytes:
    if encoding != "base64":
        return text.encode("utf-8", "surrogatepass")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError as error:
        raise UnexpectedAnswerError(f"output that should be base64 is not: {error}") from error

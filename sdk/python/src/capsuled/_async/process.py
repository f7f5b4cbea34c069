"""A handle on a process that runs in the background."""

from __future__ import annotations

import time

from .._contract.models import ExecStarted, ProcessFacts
from .._core.failures import CapsuledError
from .._core.journal_reader import Begin
from .._core.request import make_request
from ..results import RESULT_BYTES_MAX, CommandResult
from ..stream_events import ExitEvent, StderrEvent, StdoutEvent
from .output import OutputStream, read_output
from .process_stream import AsyncProcessStream, attach
from .transport import AsyncTransport


class AsyncProcess:
    """A process in the background. It goes on until it ends, is killed, or its capsule ends.

    Attributes:
        pid: Its number in the capsule; 0 where it could not be started.
        tag: Its name in the capsule.
        id: What no other process ever has.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        capsule_id: str,
        *,
        started: ExecStarted | None = None,
        result: CommandResult | None = None,
    ) -> None:
        self._transport = transport
        self._capsule_id = capsule_id
        self._result = result
        if started is not None:
            self.pid, self.tag, self.id = started.pid, started.tag, started.id
        elif result is not None:
            self.pid, self.tag, self.id = result.pid or 0, "", result.id
        else:
            raise CapsuledError("a process has either started or not")

    def __repr__(self) -> str:
        return f"{type(self).__name__}(pid={self.pid}, tag={self.tag!r}, id={self.id!r})"

    def stream(self, *, begin: Begin = "start", binary: bool = False) -> AsyncProcessStream:
        """Its events from its start on, or from elsewhere; leaving the stream leaves the process alone."""
        return attach(self._transport, self._capsule_id, self.id, begin, binary=binary)

    async def wait(self, timeout: float | None = None) -> CommandResult:
        """Waits for its end and gives what a foreground command would have given.

        The result holds the first 16 MiB of each stream, every byte of which was checked against the process's digest.

        Args:
            timeout: Seconds to wait; the process goes on after them.

        Raises:
            ClientTimeoutError: It did not end in time.
        """
        if self._result is not None:
            return self._result
        deadline = None if timeout is None else time.monotonic() + timeout
        stream = attach(self._transport, self._capsule_id, self.id, "start", deadline=deadline)
        heads = {"stdout": bytearray(), "stderr": bytearray()}
        async for event in stream:
            if isinstance(event, (StdoutEvent, StderrEvent)):
                head = heads[event.type]
                head += event.raw[: RESULT_BYTES_MAX - len(head)]
        end = stream.exit
        if end is None:
            raise CapsuledError("the stream ended without an exit")
        self._result = self._whole(end, bytes(heads["stdout"]), bytes(heads["stderr"]))
        return self._result

    async def info(self) -> ProcessFacts:
        """What is known of it: whether it runs, or how it ended."""
        return await self._transport.get(make_request("getProcess", params=self._at()), ProcessFacts)

    async def kill(self, signal: str = "SIGKILL") -> None:
        """Signals it and its whole tree: `SIGKILL` or `SIGTERM`. One that has ended raises `NotFoundError`."""
        await self._transport.call(make_request("killProcess", params=self._at(), query={"signal": signal}))

    async def output(self, *, stream: OutputStream = "stdout", offset: int = 0, limit: int | None = None) -> bytes:
        """What it has printed so far on one of its streams, from an offset in bytes, at most `limit` bytes or 16 MiB."""
        return await read_output(self._transport, "getProcessOutput", self._at(), stream, offset, limit)

    def _at(self) -> dict[str, str]:
        return {"id": self._capsule_id, "selector": self.id}

    def _whole(self, end: ExitEvent, stdout: bytes, stderr: bytes) -> CommandResult:
        return CommandResult(
            exit_code=end.exit_code,
            reason=end.reason,
            signal=end.signal,
            raw_stdout=stdout,
            raw_stderr=stderr,
            duration_ms=end.duration_ms,
            id=self.id,
            pid=self.pid,
            oom_kills=end.oom_kills,
            requested=end.requested,
            evidence=None,
            stdout_bytes=end.stdout_bytes,
            stderr_bytes=end.stderr_bytes,
            late_bytes=end.late_bytes,
            stdout_sha256=end.stdout_sha256,
            stderr_sha256=end.stderr_sha256,
            stdout_truncated=end.stdout_bytes > len(stdout),
            stderr_truncated=end.stderr_bytes > len(stderr),
        )

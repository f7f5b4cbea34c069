# Made by tools/make_sync.py from _async/process_stream.py. Do not change it by hand.
"""A command's output as events, and its standard input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

from .._core.failures import CapsuledError, UnexpectedAnswerError
from .._core.journal_reader import Begin, JournalReader
from ..stream_events import ExitEvent, StartEvent, StreamEvent
from .end_process import end_process
from .io import leave
from .process_feed import ProcessFeed
from .transport import Transport


class ProcessStream:
    """The events of one process: `start`, output, `exit`.

    Iterate over it. A connection that is cut is made again by itself, and goes on behind the last event: every byte
    comes once, in order, and the digest of the whole is checked at the end. A slow reader makes the server wait.

    Leaving it early (`break`, an error; in a `with` block, its end) ends the command that it started, unless it was
    started with `keep_running=True`. A stream that was only attached to a process leaves that alone.
    """

    def __init__(
        self,
        transport: Transport,
        capsule_id: str,
        reader: JournalReader,
        *,
        start: Mapping[str, Any] | None = None,
        selector: str | None = None,
        ends_process: bool = False,
        deadline: float | None = None,
    ) -> None:
        self._transport = transport
        self._capsule_id = capsule_id
        self._reader = reader
        self._start = start
        self._ends_process = ends_process
        self._is_context = False
        self._feed = ProcessFeed(transport, capsule_id, reader, start=start, selector=selector, deadline=deadline)

    @property
    def started(self) -> StartEvent | None:
        """The process's pid, id and tag, once `start` has come."""
        return self._reader.start

    @property
    def next_seq(self) -> int | None:
        """The record that comes next; `commands.connect(id, begin=next_seq)` goes on there, from anywhere."""
        return self._reader.next_seq

    @property
    def exit(self) -> ExitEvent | None:
        """The end, once it has come."""
        return self._reader.exit

    def __iter__(self) -> Iterator[StreamEvent]:
        return self._read()

    def __enter__(self) -> ProcessStream:
        self._is_context = True
        try:
            self._feed.sockets.connected()
        except BaseException:
            # There is no block whose end would leave it.
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Leaves the stream, and ends the command where the stream's end is to be its."""
        try:
            self._feed.sockets.close()
        finally:
            self._abandon()

    def wait(self) -> ExitEvent:
        """Reads to the end without keeping what comes, and gives the end."""
        for _ in self:
            pass
        if self._reader.exit is None:
            raise UnexpectedAnswerError("the stream ended without an exit")
        return self._reader.exit

    def stop(self) -> None:
        """Asks the process to end: SIGTERM, and SIGKILL after 5 s. The stream goes on to its exit."""
        self._feed.stop()

    def write_stdin(self, data: str | bytes) -> None:
        """Writes to the process's standard input, which has to be asked for by `stdin=True`.

        A connection that is cut meanwhile changes nothing: what had not come is sent again, once. At most 512 KiB wait for
        the process; beyond that this waits, and keeps the output that comes meanwhile for the iteration (at most 1024
        events with 64 MiB of output: read the stream beside it where more comes).

        Raises `StdinLostError` where the process has ended, and after a cut where the server does not say how much came.
        """
        self._require_stdin()
        self._feed.write_stdin(data.encode() if isinstance(data, str) else bytes(data))

    def close_stdin(self) -> None:
        """The end of the process's standard input."""
        self._require_stdin()
        self._feed.close_stdin()

    def _require_stdin(self) -> None:
        if self._start is None or not self._start.get("stdin"):
            raise CapsuledError("standard input is not open: start the stream with stdin=True")

    def _read(self) -> Iterator[StreamEvent]:
        try:
            while (event := self._feed.next_event()) is not None:
                yield event
        except GeneratorExit:
            if not self._is_context:
                leave(self.close)
            raise
        except BaseException:
            self.close()
            raise
        self.close()

    def _abandon(self) -> None:
        """Ends the process of a stream that is left before its end."""
        ends_process, self._ends_process = self._ends_process, False
        if not ends_process or self._feed.is_refused or self._reader.exit is not None:
            return
        if self._reader.start is not None:
            end_process(self._transport, self._capsule_id, self._reader.start.id)
        elif self._feed.is_sent and self._start is not None:
            end_process(self._transport, self._capsule_id, self._start["tag"], is_starting=True)


def attach(
    transport: Transport,
    capsule_id: str,
    selector: str,
    begin: Begin,
    *,
    binary: bool = False,
    deadline: float | None = None,
) -> ProcessStream:
    """The stream of a process that is there."""
    return ProcessStream(transport, capsule_id, JournalReader(begin, binary=binary), selector=selector, deadline=deadline)

"""A command's output as events, over as many sockets as it takes."""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any

from .._core.answer import api_error
from .._core.failures import (
    CapsuledError,
    ClientTimeoutError,
    ConnectionFailedError,
    StdinLostError,
    UnexpectedAnswerError,
)
from .._core.held_events import HeldEvents
from .._core.journal_reader import Begin, JournalReader, count_in
from .._core.request import encode_json, make_request
from .._core.retry import Patience, backoff
from .._core.told import message_of
from .._core.wire import SocketCut, SocketRefused
from ..stream_events import ExitEvent, StartEvent, StreamEvent
from .end_process import end_process
from .io import AsyncLock, AsyncWebSocket, leave, sleep, try_acquire
from .stdin_feed import AsyncStdinFeed
from .transport import AsyncTransport

# After these the server, or this client, is well again in a moment, and the journal goes on where it was.
RESUMABLE = frozenset({"server_stopping", "slow_consumer", "agent_error", "internal_error", "shutting_down", "unavailable"})
# Bytes of one message of standard input to servers of before.
STDIN_MESSAGE_BYTES = 256 * 1024
# Seconds between looks whether a process that is written to has taken more.
POLL_S = 0.005


class AsyncProcessStream:
    """The events of one process: `start`, output, `exit`.

    Iterate over it. A connection that is cut is made again by itself, and goes on behind the last event: every byte
    comes once, in order, and the digest of the whole is checked at the end. A slow reader makes the server wait.

    Leaving it early (`break`, an error; in a `with` block, its end) ends the command that it started, unless it was
    started with `keep_running=True`. A stream that was only attached to a process leaves that alone.
    """

    def __init__(
        self,
        transport: AsyncTransport,
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
        self._selector = selector
        self._ends_process = ends_process
        self._deadline = deadline
        self._socket: AsyncWebSocket | None = None
        self._pending = HeldEvents()
        self._is_context = False
        self._patience = Patience(transport.settings.reconnect_timeout)
        self._lock = AsyncLock()
        self._is_sent = False
        self._is_closed = False
        self._is_stopping = False
        self._has_fed = False
        self._is_stdin_lost = False
        # What is written, where the server can tell how much of it came; None with servers of before.
        self._stdin: AsyncStdinFeed | None = None
        self._receiving = AsyncLock()

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

    def __aiter__(self) -> AsyncIterator[StreamEvent]:
        return self._read()

    async def __aenter__(self) -> AsyncProcessStream:
        self._is_context = True
        await self._connected()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leaves the stream, and ends the command where the stream's end is to be its."""
        self._is_closed = True
        try:
            await self._disconnect()
        finally:
            await self._abandon()

    async def wait(self) -> ExitEvent:
        """Reads to the end without keeping what comes, and gives the end."""
        async for _ in self:
            pass
        if self._reader.exit is None:
            raise UnexpectedAnswerError("the stream ended without an exit")
        return self._reader.exit

    async def stop(self) -> None:
        """Asks the process to end: SIGTERM, and SIGKILL after 5 s. The stream goes on to its exit."""
        self._is_stopping = True
        await self._send({"type": "stop"})

    async def write_stdin(self, data: str | bytes) -> None:
        """Writes to the process's standard input, which has to be asked for by `stdin=True`.

        A connection that is cut meanwhile changes nothing: what had not come is sent again, once. At most 512 KiB wait for
        the process; beyond that this waits, and keeps the output that comes meanwhile for the iteration (at most 1024
        events with 64 MiB of output: read the stream beside it where more comes).

        Raises `StdinLostError` where the process has ended, and after a cut where the server does not say how much came.
        """
        content = data.encode() if isinstance(data, str) else bytes(data)
        self._require_stdin()
        await self._connected()
        if self._stdin is not None:
            await self._stdin.write(content)
            return
        for offset in range(0, len(content), STDIN_MESSAGE_BYTES):
            part = base64.b64encode(content[offset : offset + STDIN_MESSAGE_BYTES]).decode()
            await self._feed({"type": "stdin", "data": part, "encoding": "base64"})

    async def close_stdin(self) -> None:
        """The end of the process's standard input."""
        self._require_stdin()
        await self._connected()
        if self._stdin is None:
            await self._feed({"type": "stdin_close"})
            return
        await self._stdin.close()

    def _require_stdin(self) -> None:
        if self._start is None or not self._start.get("stdin"):
            raise CapsuledError("standard input is not open: start the stream with stdin=True")

    async def _pump(self) -> None:
        """Takes one message where nobody else waits for it, else lets them."""
        if not await try_acquire(self._receiving):
            await sleep(POLL_S)
            return
        try:
            await self._step()
        finally:
            self._receiving.release()
        if self._pending.is_beyond:
            raise CapsuledError("the process prints more than can be kept while it is written to: read the stream beside it")

    async def _feed(self, message: Mapping[str, Any]) -> None:
        await self._connected()
        if self._is_stdin_lost:
            raise StdinLostError("the connection was cut while standard input was open: how much of it arrived is not known")
        self._has_fed = True
        await self._send(message)

    async def _send(self, message: Mapping[str, Any]) -> None:
        socket = await self._connected()
        try:
            await socket.send(encode_json(message).decode())
        except SocketCut as cut:
            await self._lose(socket)
            if message["type"] == "stop":
                return await self._send(message)
            raise StdinLostError(f"{cut}: how much of standard input arrived is not known") from cut

    async def _read(self) -> AsyncIterator[StreamEvent]:
        try:
            while self._pending:
                yield self._pending.take()
            while self._reader.exit is None and not self._is_closed:
                async with self._receiving:
                    if not self._pending:
                        await self._step()
                while self._pending:
                    yield self._pending.take()
        except GeneratorExit:
            if not self._is_context:
                await leave(self.aclose)
            raise
        except BaseException:
            await self.aclose()
            raise
        await self.aclose()

    async def _step(self) -> None:
        """Takes one message; whoever calls it holds `_receiving`."""
        known = len(self._pending)
        socket = await self._connected()
        if len(self._pending) > known:
            return  # it was opened just now, and its first message is there
        try:
            message = await self._receive(socket)
        except SocketCut as cut:
            await self._lose(socket)
            await self._wait_after(cut)
            return
        if self._fails(message):
            await self._lose(socket)
            await self._wait_after(ConnectionFailedError(str(message.get("data", ""))))
            return
        if self._stdin is not None and message.get("type") == "stdin_ack":
            self._patience.progressed()
            await self._stdin.ack(count_in(message, "bytes"))
            return
        events = tuple(self._reader.take(message))
        self._pending.extend(events)
        if events:
            self._patience.progressed()

    async def _receive(self, socket: AsyncWebSocket) -> dict[str, Any]:
        remaining = None if self._deadline is None else self._deadline - time.monotonic()
        if remaining is not None and remaining <= 0:
            raise ClientTimeoutError("The process did not end in time; it goes on.")
        try:
            text = await socket.receive(remaining)
        except ClientTimeoutError as error:
            raise ClientTimeoutError("The process did not end in time; it goes on.") from error
        return message_of(text)

    def _fails(self, message: Mapping[str, Any]) -> bool:
        """Whether the message says that the stream has to be opened anew; an error that ends it is raised."""
        if message.get("type") != "error":
            return False
        code = str(message.get("code", ""))
        if self._stdin is not None and code in {"stdin_full", "stdin_gap"}:
            return True  # what was not taken is sent again over the next connection
        if code in RESUMABLE and self._reader.start is not None:
            return True
        if self._reader.start is None:
            self._ends_process = False  # it was refused, so there is none
        raise api_error(code, str(message.get("data", "")))

    async def _connected(self) -> AsyncWebSocket:
        """The socket that is open, or a new one that goes on where the last one ended."""
        async with self._lock:
            if self._is_closed:
                raise CapsuledError("the stream is closed")
            began, attempt = time.monotonic(), 0
            while self._socket is None:
                try:
                    self._socket = await self._open()
                except (SocketRefused, ConnectionFailedError, ClientTimeoutError) as error:
                    attempt += 1
                    await sleep(self._delay(error, attempt, time.monotonic() - began))
                else:
                    self._patience.opened()
            return self._socket

    async def _open(self) -> AsyncWebSocket:
        started = self._reader.start
        if started is None and self._start is not None:
            socket = await self._transport.socket(make_request("execStream", params={"id": self._capsule_id}))
            self._is_sent = True
            try:
                await socket.send(encode_json(self._start).decode())
            except SocketCut:
                await socket.aclose()
                raise ConnectionFailedError("the connection broke before the command was started") from None
            if self._start.get("stdin"):
                await self._begin_stdin(socket)
            return socket
        selector = started.id if started is not None else self._selector
        assert selector is not None
        request = make_request(
            "streamProcess",
            params={"id": self._capsule_id, "selector": selector},
            query={"from": self._reader.position, "encoding": self._reader.encoding},
        )
        socket = await self._transport.socket(request)
        if self._stdin is not None:
            await self._begin_stdin(socket)
        if self._is_stopping:
            # What was sent into a connection that was about to break may not have arrived.
            with contextlib.suppress(SocketCut):
                await socket.send(encode_json({"type": "stop"}).decode())
        return socket

    async def _begin_stdin(self, socket: AsyncWebSocket) -> None:
        """Reads what the server has of standard input, which its first message says, and sends the rest."""
        try:
            message = await self._receive(socket)
            is_failure = self._fails(message)
            if not is_failure:
                self._pending.extend(self._reader.take(message))
                given = message.get("stdin")
                if isinstance(given, dict):
                    self._stdin = self._stdin or AsyncStdinFeed(self)
                    is_failure = not await self._stdin.begin(socket, given)
        except SocketCut:
            is_failure = True
        except BaseException:
            await socket.aclose()
            raise
        if is_failure:
            await socket.aclose()
            raise ConnectionFailedError("the connection broke before the stream could go on")

    def _delay(self, error: Exception, attempt: int, elapsed: float) -> float:
        """Seconds until the next attempt to connect; the error is raised where there is to be none."""
        settings = self._transport.settings
        failure = error.error if isinstance(error, SocketRefused) else error
        is_waited_for = elapsed < settings.reconnect_timeout and (self._deadline is None or time.monotonic() < self._deadline)
        if isinstance(error, SocketRefused):
            if getattr(error.error, "code", "") in RESUMABLE and is_waited_for:
                return error.retry_after if error.retry_after is not None else backoff(attempt)
        elif is_waited_for and (self._transport.may_be_there(error) or attempt <= 1):
            return backoff(attempt)
        raise failure from error.__cause__

    async def _wait_after(self, failure: Exception) -> None:
        """Waits before the next attempt; it has failed for too long where there is to be none."""
        delay = self._patience.failed()
        if delay is None:
            raise ConnectionFailedError(f"The stream could not go on: {failure}.") from failure
        await sleep(delay)

    async def _lose(self, socket: AsyncWebSocket) -> None:
        """Lets go of a socket that is cut."""
        if self._has_fed:
            self._is_stdin_lost = True
        if self._socket is socket:
            self._socket = None
        await socket.aclose()

    async def _disconnect(self) -> None:
        socket, self._socket = self._socket, None
        if socket is not None:
            await socket.aclose()

    async def _abandon(self) -> None:
        """Ends the process of a stream that is left before its end."""
        ends_process, self._ends_process = self._ends_process, False
        if not ends_process or self._reader.exit is not None:
            return
        if self._reader.start is not None:
            await end_process(self._transport, self._capsule_id, self._reader.start.id)
        elif self._is_sent and self._start is not None:
            await end_process(self._transport, self._capsule_id, self._start["tag"], is_starting=True)


def attach(
    transport: AsyncTransport,
    capsule_id: str,
    selector: str,
    begin: Begin,
    *,
    binary: bool = False,
    deadline: float | None = None,
) -> AsyncProcessStream:
    """The stream of a process that is there."""
    return AsyncProcessStream(transport, capsule_id, JournalReader(begin, binary=binary), selector=selector, deadline=deadline)

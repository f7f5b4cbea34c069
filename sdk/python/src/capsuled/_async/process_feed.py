"""What one process sends and takes, over as many sockets as it takes."""

from __future__ import annotations

import base64
import contextlib
import time
from collections.abc import Mapping
from typing import Any

from .._core.answer import api_error
from .._core.failures import CapsuledError, ClientTimeoutError, ConnectionFailedError, StdinLostError
from .._core.held_events import HeldEvents
from .._core.journal_reader import JournalReader, count_in
from .._core.request import encode_json, make_request
from .._core.told import message_of
from .._core.wire import SocketCut
from ..stream_events import StreamEvent
from .io import AsyncLock, AsyncWebSocket, sleep, try_acquire
from .reconnecting import RESUMABLE, AsyncReconnectingSocket
from .stdin_feed import AsyncStdinFeed
from .transport import AsyncTransport

# Bytes of one message of standard input to servers of before.
STDIN_MESSAGE_BYTES = 256 * 1024
# Seconds between looks whether a process that is written to has taken more.
POLL_S = 0.005


class AsyncProcessFeed:
    """Takes a process's messages off its sockets, each record once and in order, and sends it what is written to it.

    `start` is the first message of a command that is to be started, `selector` names a process that is there.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        capsule_id: str,
        reader: JournalReader,
        *,
        start: Mapping[str, Any] | None,
        selector: str | None,
        deadline: float | None,
    ) -> None:
        self._transport = transport
        self._capsule_id = capsule_id
        self._start = start
        self._selector = selector
        self._deadline = deadline
        self._held = HeldEvents()
        self._receiving = AsyncLock()
        self._is_stopping = False
        self._has_fed = False
        self._is_stdin_lost = False
        # What is written, where the server can tell how much of it came; None with servers of before.
        self._stdin: AsyncStdinFeed | None = None
        self.reader = reader
        self.sockets = AsyncReconnectingSocket(transport, "stream", self._open, deadline=deadline)
        # Whether the command may have been started.
        self.is_sent = False
        # Whether it was refused, so that there is none.
        self.is_refused = False

    async def next_event(self) -> StreamEvent | None:
        """The next event; None behind the last one, and once this is closed."""
        while not self._held:
            if self.reader.exit is not None or self.sockets.is_closed:
                return None
            async with self._receiving:
                if not self._held:
                    await self._step()
        return self._held.take()

    async def pump(self) -> None:
        """Takes one message where nobody else waits for it, else lets them."""
        if not await try_acquire(self._receiving):
            await sleep(POLL_S)
            return
        try:
            await self._step()
        finally:
            self._receiving.release()
        if self._held.is_beyond:
            raise CapsuledError("the process prints more than can be kept while it is written to: read the stream beside it")

    async def stop(self) -> None:
        """Asks the process to end, over whatever connection."""
        self._is_stopping = True
        socket = await self.sockets.connected()
        try:
            await socket.send(encode_json({"type": "stop"}).decode())
        except SocketCut:
            await self.lose(socket)
            await self.stop()

    async def write_stdin(self, content: bytes) -> None:
        """Writes to standard input, which has to be open."""
        await self.sockets.connected()
        if self._stdin is not None:
            await self._stdin.write(content)
            return
        for offset in range(0, len(content), STDIN_MESSAGE_BYTES):
            part = base64.b64encode(content[offset : offset + STDIN_MESSAGE_BYTES]).decode()
            await self._send_once({"type": "stdin", "data": part, "encoding": "base64"})

    async def close_stdin(self) -> None:
        """The end of standard input."""
        await self.sockets.connected()
        if self._stdin is None:
            await self._send_once({"type": "stdin_close"})
            return
        await self._stdin.close()

    async def lose(self, socket: AsyncWebSocket) -> None:
        """Lets go of a socket that is cut."""
        if self._has_fed:
            self._is_stdin_lost = True
        await self.sockets.lose(socket)

    async def _send_once(self, message: Mapping[str, Any]) -> None:
        """Sends what a server of before must not get twice."""
        socket = await self.sockets.connected()
        if self._is_stdin_lost:
            raise StdinLostError("the connection was cut while standard input was open: how much of it arrived is not known")
        self._has_fed = True
        try:
            await socket.send(encode_json(message).decode())
        except SocketCut as cut:
            await self.lose(socket)
            raise StdinLostError(f"{cut}: how much of standard input arrived is not known") from cut

    async def _step(self) -> None:
        """Takes one message; whoever calls it holds `_receiving`."""
        known = len(self._held)
        socket = await self.sockets.connected()
        if len(self._held) > known:
            return  # it was opened just now, and its first message is there
        try:
            message = await self._receive(socket)
        except SocketCut as cut:
            await self.lose(socket)
            await self.sockets.wait_after(cut)
            return
        if self._fails(message):
            await self.lose(socket)
            await self.sockets.wait_after(ConnectionFailedError(str(message.get("data", ""))))
            return
        if self._stdin is not None and message.get("type") == "stdin_ack":
            self.sockets.progressed()
            await self._stdin.ack(count_in(message, "bytes"))
            return
        events = tuple(self.reader.take(message))
        self._held.extend(events)
        if events:
            self.sockets.progressed()

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
        if code in RESUMABLE and self.reader.start is not None:
            return True
        if self.reader.start is None:
            self.is_refused = True
        raise api_error(code, str(message.get("data", "")))

    async def _open(self) -> AsyncWebSocket:
        started = self.reader.start
        if started is None and self._start is not None:
            socket = await self._transport.socket(make_request("execStream", params={"id": self._capsule_id}))
            self.is_sent = True
            try:
                await socket.send(encode_json(self._start).decode())
            except SocketCut:
                await socket.aclose()
                raise ConnectionFailedError("the connection broke before the command was started") from None
            except BaseException:
                await socket.aclose()
                raise
            if self._start.get("stdin"):
                await self._begin_stdin(socket)
            return socket
        selector = started.id if started is not None else self._selector
        assert selector is not None
        request = make_request(
            "streamProcess",
            params={"id": self._capsule_id, "selector": selector},
            query={"from": self.reader.position, "encoding": self.reader.encoding},
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
                self._held.extend(self.reader.take(message))
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

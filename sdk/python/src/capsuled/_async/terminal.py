"""A terminal in a capsule, over as many sockets as it takes."""

from __future__ import annotations

import base64
import secrets
from collections import deque
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any

from .._core.answer import api_error
from .._core.failures import CapsuledError, ConnectionFailedError, UnexpectedAnswerError
from .._core.request import encode_json, make_request
from .._core.terminal_reader import TerminalReader
from .._core.told import message_of
from .._core.wire import SocketCut
from ..terminal_events import TerminalEvent, TerminalExitEvent, TerminalOutputEvent, TerminalStartedEvent
from .io import AsyncWebSocket, leave
from .reconnecting import RESUMABLE, AsyncReconnectingSocket
from .transport import AsyncTransport

# Bytes of one message of what is typed.
INPUT_MESSAGE_BYTES = 64 * 1024


class AsyncTerminal:
    """A program that believes to sit at a screen. Iterate over it for `started`, `output` and `exit`.

    A connection that is cut is made again by itself, and goes on behind the last byte. The terminal outlives its
    viewers: leaving it leaves the program alone; `kill` ends it.
    """

    def __init__(
        self,
        transport: AsyncTransport,
        capsule_id: str,
        first: Mapping[str, Any],
    ) -> None:
        self._transport = transport
        self._capsule_id = capsule_id
        self._first = first
        self._reader = TerminalReader()
        self._sockets = AsyncReconnectingSocket(transport, "terminal", self._open)
        self._pending: deque[TerminalEvent] = deque()
        self._is_context = False
        self._standing: dict[str, Mapping[str, Any]] = {}
        self._is_sent = False

    @property
    def tag(self) -> str:
        """Its name, by which `pty_connect` comes back."""
        return str(self._first["tag"])

    @property
    def started(self) -> TerminalStartedEvent | None:
        """Its pid, id and size, once `started` has come."""
        return self._reader.started

    @property
    def exit(self) -> TerminalExitEvent | None:
        """Its end, once it has come."""
        return self._reader.exit

    def __aiter__(self) -> AsyncIterator[TerminalEvent]:
        return self._read()

    async def __aenter__(self) -> AsyncTerminal:
        self._is_context = True
        try:
            await self._sockets.connected()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Leaves the terminal; its program goes on."""
        await self._sockets.aclose()

    async def write(self, data: str | bytes) -> None:
        """Types. Nothing is dropped or reordered; what the program does not read makes the server wait.

        Raises:
            ConnectionFailedError: The connection was cut meanwhile; how much of it arrived is not known.
        """
        content = data.encode() if isinstance(data, str) else data
        for offset in range(0, len(content), INPUT_MESSAGE_BYTES):
            part = base64.b64encode(content[offset : offset + INPUT_MESSAGE_BYTES]).decode()
            await self._send({"type": "input", "data": part})

    async def resize(self, cols: int, rows: int) -> None:
        """Changes its size; the program hears of it. Of several viewers' the latest holds."""
        await self._send_for_good({"type": "resize", "cols": cols, "rows": rows})

    async def kill(self) -> None:
        """Ends everything that runs in it."""
        await self._send_for_good({"type": "kill"})

    async def read_until(self, wanted: bytes) -> bytes:
        """Reads until these bytes have come, and gives all that came; an end before them is an error."""
        shown = bytearray()
        async for event in self:
            if isinstance(event, TerminalOutputEvent):
                shown += event.raw
                if wanted in shown:
                    return bytes(shown)
        raise CapsuledError(f"the terminal ended before {wanted!r} came")

    async def wait(self) -> TerminalExitEvent:
        """Reads to its end without keeping what it shows, and gives the end."""
        async for _ in self:
            pass
        if self._reader.exit is None:
            raise UnexpectedAnswerError("the terminal ended without an exit")
        return self._reader.exit

    async def _send_for_good(self, message: Mapping[str, Any]) -> None:
        """Sends what holds from now on, over whatever connection."""
        self._standing[message["type"]] = message
        await self._send(message)

    async def _send(self, message: Mapping[str, Any]) -> None:
        socket = await self._sockets.connected()
        try:
            await socket.send(encode_json(message).decode())
        except SocketCut as cut:
            raise ConnectionFailedError(f"{cut}: what was sent may not have arrived") from cut

    async def _read(self) -> AsyncIterator[TerminalEvent]:
        try:
            while self._pending:
                yield self._pending.popleft()
            while self._reader.exit is None and not self._sockets.is_closed:
                socket = await self._sockets.connected()
                try:
                    message = message_of(await socket.receive(None))
                except SocketCut as cut:
                    await self._lose(socket)
                    await self._sockets.wait_after(cut)
                    continue
                if self._fails(message):
                    await self._lose(socket)
                    await self._sockets.wait_after(ConnectionFailedError(str(message.get("data", ""))))
                    continue
                self._pending.extend(self._reader.take(message))
                if self._pending:
                    self._sockets.progressed()
                while self._pending:
                    yield self._pending.popleft()
        except GeneratorExit:
            if not self._is_context:
                await leave(self.aclose)
            raise
        except BaseException:
            await self.aclose()
            raise
        await self.aclose()

    def _fails(self, message: Mapping[str, Any]) -> bool:
        """Whether the message says that the terminal has to be connected to anew; an error that ends it is raised."""
        if message.get("type") != "error":
            return False
        code = str(message.get("code", ""))
        if code == "terminal_not_found" and self._reader.started is None and self._is_sent:
            self._is_sent = False  # the cut came before the start arrived
            return True
        if code in RESUMABLE and self._reader.started is not None:
            return True
        raise api_error(code, str(message.get("data", "")))

    async def _lose(self, socket: AsyncWebSocket) -> None:
        self._reader.cut()
        await self._sockets.lose(socket)

    async def _open(self) -> AsyncWebSocket:
        socket = await self._transport.socket(make_request("openTerminal", params={"id": self._capsule_id}))
        is_again = self._reader.next_seq is not None
        try:
            await socket.send(encode_json(self._opening()).decode())
            # What was sent into a connection that was about to break may not have arrived.
            for message in self._standing.values() if is_again else ():
                await socket.send(encode_json(message).decode())
        except BaseException:
            await socket.aclose()
            raise
        return socket

    def _opening(self) -> Mapping[str, Any]:
        """The first message of the next socket: what was started is connected to, never started again."""
        if self._reader.next_seq is not None:
            return {"type": "connect", "tag": self.tag, "from": self._reader.next_seq}
        if self._first["type"] == "start" and self._is_sent:
            # Whether it was started is not known; its tag is, and an unknown tag is an error.
            return {"type": "connect", "tag": self.tag, "from": "start"}
        self._is_sent = self._first["type"] == "start"
        return self._first


def open_terminal(transport: AsyncTransport, capsule_id: str, start: Mapping[str, Any]) -> AsyncTerminal:
    """A new terminal. Its tag is made here, so that a cut before its first word does not lose it."""
    tag = start.get("tag") or f"pty-{secrets.token_hex(4)}"
    given = {name: value for name, value in start.items() if value is not None}
    return AsyncTerminal(transport, capsule_id, {"type": "start", **given, "tag": tag})


def connect_terminal(transport: AsyncTransport, capsule_id: str, tag: str, begin: str | int | None) -> AsyncTerminal:
    """A terminal that is there."""
    first = {"type": "connect", "tag": tag, **({} if begin is None else {"from": begin})}
    return AsyncTerminal(transport, capsule_id, first)

"""A command's standard input over as many sockets as it takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import TYPE_CHECKING, Any

from .._core.failures import StdinLostError
from .._core.journal_reader import count_in
from .._core.request import encode_json
from .._core.stdin_journal import StdinJournal
from .._core.wire import SocketCut
from .io import AsyncLock, AsyncWebSocket

if TYPE_CHECKING:
    from .process_feed import AsyncProcessFeed


class AsyncStdinFeed:
    """Sends what is written to one process, and after a cut what the server does not have of it."""

    def __init__(self, feed: AsyncProcessFeed) -> None:
        self._feed = feed
        self._journal = StdinJournal()
        self._lock = AsyncLock()

    async def write(self, content: bytes) -> None:
        """Waits until all of it is on its way, or kept to be sent."""
        rest = memoryview(content)
        while True:
            if self._feed.reader.exit is not None or self._journal.is_closed:
                raise StdinLostError("standard input is closed, or the process has ended")
            rest = self._journal.append(rest)
            await self._flush()
            if not rest:
                return
            while not self._journal.room and self._feed.reader.exit is None:
                await self._feed.pump()

    async def close(self) -> None:
        """The end, behind all that was written."""
        self._journal.is_closed = True
        await self._flush()

    async def ack(self, taken: int) -> None:
        """The process has taken so many bytes in all."""
        self._journal.ack(taken)
        await self._flush()

    async def begin(self, socket: AsyncWebSocket, given: Mapping[str, Any]) -> bool:
        """Sends what the server lacks over a new connection; False where that broke meanwhile."""
        async with self._lock:
            self._journal.begin(count_in(given, "bytes"), bool(given.get("closed")))
            return await send_all(socket, chain([self._journal.question()], self._journal.messages())) is None

    async def _flush(self) -> None:
        """Sends what is to be sent; what goes into a connection that breaks is sent again over the next one."""
        while self._feed.reader.exit is None:
            socket = await self._feed.sockets.connected()
            async with self._lock:
                if socket is not self._feed.sockets.current:
                    continue
                cut = await send_all(socket, self._journal.messages())
            if cut is None:
                return
            await self._feed.lose(socket)
            await self._feed.sockets.wait_after(cut)


async def send_all(socket: AsyncWebSocket, messages: Iterable[Mapping[str, Any]]) -> SocketCut | None:
    """Sends messages; what broke the connection meanwhile, if anything did."""
    try:
        for message in messages:
            await socket.send(encode_json(message).decode())
    except SocketCut as cut:
        return cut
    return None

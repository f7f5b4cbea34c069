# Made by tools/make_sync.py from _async/stdin_feed.py. Do not change it by hand.
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
from .io import Lock, WebSocket

if TYPE_CHECKING:
    from .process_feed import ProcessFeed


class StdinFeed:
    """Sends what is written to one process, and after a cut what the server does not have of it."""

    def __init__(self, feed: ProcessFeed) -> None:
        self._feed = feed
        self._journal = StdinJournal()
        self._lock = Lock()

    def write(self, content: bytes) -> None:
        """Waits until all of it is on its way, or kept to be sent."""
        rest = memoryview(content)
        while True:
            if self._feed.reader.exit is not None or self._journal.is_closed:
                raise StdinLostError("standard input is closed, or the process has ended")
            rest = self._journal.append(rest)
            self._flush()
            if not rest:
                return
            while not self._journal.room and self._feed.reader.exit is None:
                self._feed.pump()

    def close(self) -> None:
        """The end, behind all that was written."""
        self._journal.is_closed = True
        self._flush()

    def ack(self, taken: int) -> None:
        """The process has taken so many bytes in all."""
        self._journal.ack(taken)
        self._flush()

    def begin(self, socket: WebSocket, given: Mapping[str, Any]) -> bool:
        """Sends what the server lacks over a new connection; False where that broke meanwhile."""
        with self._lock:
            self._journal.begin(count_in(given, "bytes"), bool(given.get("closed")))
            return send_all(socket, chain([self._journal.question()], self._journal.messages())) is None

    def _flush(self) -> None:
        """Sends what is to be sent; what goes into a connection that breaks is sent again over the next one."""
        while self._feed.reader.exit is None:
            socket = self._feed.sockets.connected()
            with self._lock:
                if socket is not self._feed.sockets.current:
                    continue
                cut = send_all(socket, self._journal.messages())
            if cut is None:
                return
            self._feed.lose(socket)
            self._feed.sockets.wait_after(cut)


def send_all(socket: WebSocket, messages: Iterable[Mapping[str, Any]]) -> SocketCut | None:
    """Sends messages; what broke the connection meanwhile, if anything did."""
    try:
        for message in messages:
            socket.send(encode_json(message).decode())
    except SocketCut as cut:
        return cut
    return None

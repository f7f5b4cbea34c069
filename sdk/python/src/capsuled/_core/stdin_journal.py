"""What is written to a command's standard input, kept until the command has it."""

from __future__ import annotations

import base64
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

# Bytes of one message of standard input, and those that were written and that the command has not taken.
MESSAGE_BYTES = 128 * 1024
UNTAKEN_BYTES_MAX = 512 * 1024


@dataclass
class StdinJournal:
    """After a cut it is sent again from where the server says that it stopped.

    It knows nothing of sockets: it says what is to be sent.
    """

    written: int = 0
    taken: int = 0
    is_closed: bool = False
    # Where each begins; all but the last are full, however little is written at a time.
    _parts: deque[tuple[int, bytearray]] = field(default_factory=deque)
    _sent: int = 0
    _is_end_sent: bool = False

    @property
    def room(self) -> int:
        """How many bytes can be written now."""
        return max(0, UNTAKEN_BYTES_MAX - (self.written - self.taken))

    def append(self, content: bytes | memoryview) -> memoryview:
        """Takes as much as has room, and gives the rest, which is no copy."""
        rest = memoryview(content)
        while rest and self.room:
            if not self._parts or len(self._parts[-1][1]) == MESSAGE_BYTES:
                self._parts.append((self.written, bytearray()))
            part = self._parts[-1][1]
            length = min(MESSAGE_BYTES - len(part), self.room, len(rest))
            part += rest[:length]
            rest = rest[length:]
            self.written += length
        return rest

    def begin(self, received: int, is_closed: bool) -> None:
        """A connection stands, and the server has so many bytes."""
        self._sent = min(received, self.written)
        self._is_end_sent = is_closed
        self._forget(received)

    def ack(self, taken: int) -> None:
        """The command has taken so many bytes in all."""
        self.taken = max(self.taken, min(taken, self.written))
        self._forget(self.taken)

    def question(self) -> dict[str, Any]:
        """Asks how far the command is; the answer to it is a `stdin_ack`."""
        return {"type": "stdin", "data": "", "encoding": "base64", "offset": self._sent}

    def messages(self) -> Iterator[dict[str, Any]]:
        """What is to be sent over the connection that stands."""
        for at, piece in tuple(self._parts):
            # More may be written behind it while it is sent.
            known, length = max(0, self._sent - at), len(piece)
            if known >= length:
                continue
            data = base64.b64encode(piece[known:length]).decode()
            yield {"type": "stdin", "data": data, "encoding": "base64", "offset": at + known}
            self._sent = at + length
        if self.is_closed and not self._is_end_sent:
            yield {"type": "stdin_close", "offset": self.written}
            self._is_end_sent = True

    def _forget(self, count: int) -> None:
        while self._parts and self._parts[0][0] + len(self._parts[0][1]) <= count:
            self._parts.popleft()

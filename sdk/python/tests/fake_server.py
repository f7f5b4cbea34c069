"""A server of a few scripted answers, byte by byte, for what a real one does not do on request."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from typing import Any

# What is sent to one request: bytes, after which the connection stays (whole) or is cut. None: nothing, for ever.
Reply = tuple[bytes, bool] | None


def answer(status: int, body: Any, headers: dict[str, str] | None = None, kind: str = "application/json") -> bytes:
    """A whole HTTP answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"content-type: {kind}", f"content-length: {len(content)}"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def whole(status: int, body: Any, headers: dict[str, str] | None = None) -> Reply:
    """An answer after which the connection stays."""
    return answer(status, body, headers), True


def problem(code: str, status: int, headers: dict[str, str] | None = None, details: Any = None) -> Reply:
    """An error of the catalogue."""
    error = {"code": code, "message": f"It is {code}.", "request_id": "req-1", "details": details or {}}
    return whole(status, {"error": error}, headers)


class FakeServer:
    """Replies to the requests of all connections in their order; keeps what it was asked."""

    def __init__(self, replies: Callable[[int, bytes], Reply]) -> None:
        self._replies = replies
        self.requests: list[bytes] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends every connection."""
        self._listener.close()
        with self._lock:
            for connection in self._open:
                reset(connection)

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._open.append(connection)
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            for request in read_requests(connection):
                with self._lock:
                    index = len(self.requests)
                    self.requests.append(request)
                reply = self._replies(index, request)
                if reply is None:
                    continue
                connection.sendall(reply[0])
                if not reply[1]:
                    connection.close()
                    return


def read_requests(connection: socket.socket) -> Iterator[bytes]:
    """Each request of a connection, head and body."""
    data = b""
    while True:
        while b"\r\n\r\n" not in data:
            chunk = connection.recv(65536)
            if not chunk:
                return
            data += chunk
        head, _, rest = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        while len(rest) < length:
            rest += connection.recv(65536)
        yield head + b"\r\n\r\n" + rest[:length]
        data = rest[length:]


def reset(connection: socket.socket) -> None:
    """Ends a connection as a cut cable, or a killed server, does."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()

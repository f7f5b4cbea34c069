"""A proxy before the real server that answers in its place, cuts, falls silent, or alters bytes."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from .fake_server import reset


@dataclass(frozen=True)
class Meddling:
    """What is done to one connection; nothing of it passes everything on.

    Attributes:
        instead: Given in place of the server's answer; its request never arrives.
        cut_after: Cut after so many bytes of the answer.
        silent_after: After so many bytes of the answer nothing more comes, and the connection stays.
        alter: The bytes as they are passed on.
    """

    instead: bytes | None = None
    cut_after: int | None = None
    silent_after: int | None = None
    alter: Callable[[bytes], bytes] | None = None


class MeddlingProxy:
    """Passes on what `meddle` lets; it is asked for each connection, by its number from 1."""

    def __init__(self, target: str, meddle: Callable[[int], Meddling]) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._meddle = meddle
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.requests: list[str] = []
        self.passed = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Ends every connection."""
        self._listener.close()
        for connection in self._open:
            reset(connection)

    def _accept(self) -> None:
        connections = 0
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            connections += 1
            how = self._meddle(connections)
            server = None if how.instead is not None else socket.create_connection(self._target)
            self._open += [client] if server is None else [client, server]
            threading.Thread(target=self._ask, args=(client, server, how), daemon=True).start()
            if server is not None:
                threading.Thread(target=self._answer, args=(server, client, how), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket | None, how: Meddling) -> None:
        with contextlib.suppress(OSError):
            while chunk := client.recv(65536):
                self.requests += [line.decode() for line in re.findall(rb"^([A-Z]+ /\S*) HTTP/1\.1\r$", chunk, re.MULTILINE)]
                if server is None:
                    client.sendall(how.instead or b"")
                    client.close()
                    return
                server.sendall(chunk)
        if server is not None:
            reset(server)

    def _answer(self, server: socket.socket, client: socket.socket, how: Meddling) -> None:
        came = 0
        with contextlib.suppress(OSError):
            while chunk := server.recv(65536):
                limit = how.cut_after if how.cut_after is not None else how.silent_after
                within = chunk if limit is None else chunk[: max(0, limit - came)]
                came += len(chunk)
                self.passed += len(within)
                client.sendall(within if how.alter is None else how.alter(within))
                if how.cut_after is not None and came >= how.cut_after:
                    break
        if how.silent_after is None:
            reset(client)

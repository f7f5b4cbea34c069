"""A proxy that cuts connections after so many bytes of the server's."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from .fake_server import reset


class CuttingProxy:
    """Passes bytes on. Each connection has its budget of bytes from the server, and is cut when it is used up; None is never.

    `sent` has the budgets of bytes to the server.
    """

    def __init__(self, target: str, budgets: Iterator[int | None], sent: Iterator[int | None] | None = None) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._budgets = budgets
        self._sent = iter(()) if sent is None else sent
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self.cuts = 0
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Ends every connection."""
        self._listener.close()
        self.cut_all()

    def cut_all(self) -> None:
        """Cuts what is open now."""
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            reset(connection)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target)
            except OSError:
                reset(client)
                continue
            with self._lock:
                self.connections += 1
                budget = next(self._budgets, None)
                sent_budget = next(self._sent, None)
                self._open += [client, server]
            threading.Thread(target=self._pass, args=(client, server, sent_budget), daemon=True).start()
            threading.Thread(target=self._pass, args=(server, client, budget), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, budget: int | None) -> None:
        left = budget
        with contextlib.suppress(OSError):
            while chunk := source.recv(16384):
                if left is not None and len(chunk) >= left:
                    target.sendall(chunk[:left])
                    self.cuts += 1
                    break
                target.sendall(chunk)
                if left is not None:
                    left -= len(chunk)
        reset(source)
        reset(target)

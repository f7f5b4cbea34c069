# Made by tools/make_sync.py from _async/transport.py. Do not change it by hand.
"""Sends requests, repeats those that may be repeated, and opens streams and sockets."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, BinaryIO, TypeVar

import httpx

from .._core.answer import Answer
from .._core.decode import decode
from .._core.failures import CapsuledError, ConnectionFailedError
from .._core.request import Request
from .._core.retry import RetryState, parse_retry_after
from .._core.server_version import explained, version_of, warn_of
from .._core.settings import Settings
from .._core.wire import SocketRefused
from .io import ByteStream, WebSocket, fetch, new_http_client, open_bytes, open_socket, sleep

T = TypeVar("T")

# Bytes of a file that are read and sent at once.
PIECE_BYTES = 256 * 1024


class Transport:
    """One client's connections to one server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._http = new_http_client(settings)
        self._process = os.getpid()
        self._inherited: httpx.Client | None = None
        self._has_answered = False
        # The version that the server's last answer said.
        self.server_version: str | None = None

    def close(self) -> None:
        """Closes all connections."""
        self._client.close()

    @property
    def _client(self) -> httpx.Client:
        """This process's connections: over those that it was forked with, both would read each other's answers."""
        if self._process != os.getpid() and not self._http.is_closed:
            # Closing them here would end them there, too, where they are encrypted.
            self._inherited = self._http
            self._http, self._process = new_http_client(self.settings), os.getpid()
        return self._http

    def call(self, request: Request) -> Answer:
        """The answer to a request, repeated where the contract allows it; errors are raised."""
        headers = request.headers_for(self.settings)
        state, began = RetryState(), time.monotonic()
        while True:
            failure, retry_after, answer = self._attempt(request, headers)
            if failure is None and answer is not None:
                return answer
            assert failure is not None
            delay = state.delay(
                request,
                failure,
                self.settings,
                retry_after=retry_after,
                has_answered=self._has_answered,
                elapsed=time.monotonic() - began,
            )
            if delay is None:
                key = request.headers.get("Idempotency-Key")
                if state.may_be_done and key is not None:
                    failure.leave_open(key)
                raise failure
            sleep(delay)

    def json(self, request: Request) -> Any:
        """The JSON body of the answer."""
        return (self.call(request)).json()

    def get(self, request: Request, cls: type[T]) -> T:
        """The answer's body as the contract's type."""
        return decode(cls, self.json(request))

    def upload(self, request: Request, content: BinaryIO | Iterable[bytes]) -> Answer:
        """The answer to a body that is sent as it is read; it can be read once, so it is sent once."""
        headers = request.headers_for(self.settings)
        url = f"{self.settings.url}{request.path}"
        pieces = pieces_of(content)
        answer = fetch(self._client, self.settings, request.method, url, headers, pieces, request.waits)
        self._note(answer.headers)
        if 200 <= answer.status < 300:
            return answer
        raise self._error(request, answer.error())

    def stream(self, request: Request) -> ByteStream:
        """One attempt at an answer that is read as it comes; errors of the server are raised."""
        url = f"{self.settings.url}{request.path}"
        headers = request.headers_for(self.settings)
        stream = open_bytes(self._client, self.settings, request.method, url, headers, request.content, request.waits)
        self._note(stream.headers)
        if 200 <= stream.status < 300:
            return stream
        try:
            raise self._error(request, (stream.whole()).error())
        finally:
            stream.close()

    def socket(self, request: Request) -> WebSocket:
        """One attempt at a socket; `SocketRefused` where the server answered with an error."""
        headers = {
            name: value for name, value in request.headers_for(self.settings).items() if name not in {"Accept", "Idempotency-Key"}
        }
        try:
            socket = open_socket(self.settings, request.path, headers)
        except SocketRefused as refused:
            self._note(refused.headers)
            refused.error = self._error(request, refused.error)
            raise
        self._has_answered = True
        return socket

    def may_be_there(self, failure: Exception) -> bool:
        """Whether there is a server to try again with: one that has answered this client, or took its connection."""
        return self._has_answered or not isinstance(failure, ConnectionFailedError) or failure.was_reached

    def _note(self, headers: Mapping[str, str]) -> None:
        """An answer has come; tells once of a server that may not understand this SDK."""
        self._has_answered = True
        version = version_of(headers)
        if version is not None and version != self.server_version:
            self.server_version = version
            warn_of(version, self.settings.url)

    def _error(self, request: Request, error: CapsuledError) -> CapsuledError:
        return explained(error, request.operation, self.server_version, self.settings.url)

    def _attempt(self, request: Request, headers: dict[str, str]) -> tuple[CapsuledError | None, float | None, Answer | None]:
        url = f"{self.settings.url}{request.path}"
        try:
            answer = fetch(self._client, self.settings, request.method, url, headers, request.content, request.waits)
        except CapsuledError as error:
            return error, None, None
        self._note(answer.headers)
        if 200 <= answer.status < 300:
            return None, None, answer
        return self._error(request, answer.error()), parse_retry_after(answer.headers.get("retry-after")), None


def pieces_of(content: BinaryIO | Iterable[bytes]) -> Iterator[bytes]:
    """An open file in pieces of one size; anything else as it comes."""
    if isinstance(content, Iterable) and not hasattr(content, "read"):
        for piece in content:
            yield piece
        return
    while piece := content.read(PIECE_BYTES):
        yield piece

"""What waits, and so differs between the two faces of the SDK; `_async/io.py` has the same names."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException
from websockets.sync import client as websockets_client
from websockets.sync.client import ClientConnection

from .._core.answer import Answer
from .._core.failures import ClientTimeoutError, UnexpectedAnswerError
from .._core.settings import Settings
from .._core.wire import (
    MESSAGE_BYTES_MAX,
    PING_S,
    PONG_S,
    QUEUE_MESSAGES,
    SOCKET_LOG,
    SocketCut,
    SocketRefused,
    broken,
    http_timeout,
    require_open,
    silent,
    unreachable,
    without_redirects,
)

Lock = threading.Lock

# What `connect` has become in version 17, where it follows redirects.
CONNECT = without_redirects(getattr(websockets_client, "reconnect", websockets_client.connect))


def try_acquire(lock: threading.Lock) -> bool:
    """Takes a lock that is free; False where it is not."""
    return lock.acquire(blocking=False)


def leave(close: Callable[[], None]) -> None:
    """Closes what an iterator held that was dropped.

    The garbage collector may drop it in the midst of anything, also of a request that holds the connections' lock; so a
    thread of its own does it, for which the end of the program waits.
    """
    threading.Thread(target=close, name="capsuled-leave").start()


sleep = time.sleep


def new_http_client(settings: Settings) -> httpx.Client:
    """A client with keep-alive connections, none of which is held when its server has gone silently."""
    # Reading all certificates takes a while, and plain http needs none.
    verify = settings.ssl_context if settings.ssl_context is not None else settings.url.startswith("https:")
    return httpx.Client(
        verify=verify,
        timeout=http_timeout(settings, 0.0),
        limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=60),
    )


def fetch(
    client: httpx.Client,
    settings: Settings,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | Iterable[bytes] | None,
    waits: float | None,
) -> Answer:
    """One request and its whole answer; an answer that is cut is an error, never a shorter one."""
    require_open(client)
    try:
        response = client.request(method, url, headers=dict(headers), content=content, timeout=http_timeout(settings, waits))
    except httpx.TimeoutException as error:
        raise silent(url, error) from None
    except httpx.ConnectError as error:
        raise unreachable(url, error) from None
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise broken(url, error) from None
    return Answer(response.status_code, response.headers, response.content)


class ByteStream:
    """An answer that is read as it comes."""

    def __init__(self, response: httpx.Response, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, as they come."""
        try:
            for chunk in self._response.iter_bytes():
                yield chunk
        except httpx.TimeoutException as error:
            raise silent(self._url, error) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise broken(self._url, error) from None

    def whole(self) -> Answer:
        """All of it, for an answer that is no stream."""
        return Answer(self.status, self.headers, b"".join(self.chunks()))

    def close(self) -> None:
        """Lets the connection go."""
        self._response.close()


def open_bytes(
    client: httpx.Client,
    settings: Settings,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
    waits: float | None,
) -> ByteStream:
    """One request whose answer is read as it comes."""
    require_open(client)
    request = client.build_request(method, url, headers=dict(headers), content=content, timeout=http_timeout(settings, waits))
    try:
        return ByteStream(client.send(request, stream=True), url)
    except httpx.TimeoutException as error:
        raise silent(url, error) from None
    except httpx.ConnectError as error:
        raise unreachable(url, error) from None
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise broken(url, error) from None


class WebSocket:
    """One socket. What waits to be read is bounded: a reader that takes its time makes the server wait."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    def receive(self, timeout: float | None) -> str:
        """The next message, within so many seconds; `SocketCut` when there is none any more."""
        try:
            message = self._connection.recv(timeout)
        except TimeoutError as error:
            raise ClientTimeoutError("no message came in time") from error
        except ConnectionClosed as error:
            raise SocketCut.from_close(error) from error
        if not isinstance(message, str):
            raise UnexpectedAnswerError("the server sent a binary message")
        return message

    def send(self, message: str) -> None:
        """Sends a message; `SocketCut` when that is not possible any more."""
        try:
            self._connection.send(message)
        except ConnectionClosed as error:
            raise SocketCut.from_close(error) from error

    def close(self) -> None:
        """Closes it, and waits for no more than the peer's answer."""
        with contextlib.suppress(WebSocketException, OSError):
            self._connection.close()


def open_socket(settings: Settings, path: str, headers: Mapping[str, str]) -> WebSocket:
    """Opens a socket; `SocketRefused` with the server's answer where it does not upgrade."""
    url = settings.websocket_url(path)
    try:
        # As a context, which every version of it is.
        connection = CONNECT(
            url,
            additional_headers=dict(headers),
            user_agent_header=None,
            ssl=settings.ssl_context if url.startswith("wss:") else None,
            compression=None,
            open_timeout=settings.connect_timeout + settings.answer_timeout,
            ping_interval=PING_S,
            ping_timeout=PONG_S,
            close_timeout=1.0,
            max_size=MESSAGE_BYTES_MAX,
            max_queue=QUEUE_MESSAGES,
            logger=SOCKET_LOG,
        ).__enter__()
    except InvalidStatus as error:
        raise SocketRefused.from_response(error.response) from error
    except TimeoutError as error:
        raise silent(url, error) from None
    except (InvalidURI, InvalidHandshake) as error:
        raise broken(url, error) from None
    except OSError as error:
        raise unreachable(url, error) from None
    except WebSocketException as error:
        raise broken(url, error) from None
    return WebSocket(connection)


__all__ = [
    "ByteStream",
    "Lock",
    "WebSocket",
    "fetch",
    "leave",
    "new_http_client",
    "open_bytes",
    "open_socket",
    "sleep",
    "try_acquire",
]

"""What waits, and so differs between the two faces of the SDK; `_sync/io.py` has the same names."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Mapping

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, WebSocketException

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

AsyncLock = asyncio.Lock

CONNECT = without_redirects(connect)


async def try_acquire(lock: asyncio.Lock) -> bool:
    """Takes a lock that is free; False where it is not."""
    return not lock.locked() and await lock.acquire()


async def leave(close: Callable[[], Awaitable[None]]) -> None:
    """Closes what an iterator held that was dropped; its event loop awaits this where the iterator was dropped."""
    await close()


sleep = asyncio.sleep


def new_http_client(settings: Settings) -> httpx.AsyncClient:
    """A client with keep-alive connections, none of which is held when its server has gone silently."""
    # Reading all certificates takes a while, and plain http needs none.
    verify = settings.ssl_context if settings.ssl_context is not None else settings.url.startswith("https:")
    return httpx.AsyncClient(
        verify=verify,
        timeout=http_timeout(settings, 0.0),
        limits=httpx.Limits(max_connections=1000, max_keepalive_connections=100, keepalive_expiry=60),
    )


async def fetch(
    client: httpx.AsyncClient,
    settings: Settings,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | AsyncIterable[bytes] | None,
    waits: float | None,
) -> Answer:
    """One request and its whole answer; an answer that is cut is an error, never a shorter one."""
    require_open(client)
    try:
        response = await client.request(
            method, url, headers=dict(headers), content=content, timeout=http_timeout(settings, waits)
        )
    except httpx.TimeoutException as error:
        raise silent(url, error) from None
    except httpx.ConnectError as error:
        raise unreachable(url, error) from None
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise broken(url, error) from None
    return Answer(response.status_code, response.headers, response.content)


class AsyncByteStream:
    """An answer that is read as it comes."""

    def __init__(self, response: httpx.Response, url: str) -> None:
        self._response = response
        self._url = url
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """Its bytes, as they come."""
        try:
            async for chunk in self._response.aiter_bytes():
                yield chunk
        except httpx.TimeoutException as error:
            raise silent(self._url, error) from None
        except (httpx.TransportError, httpx.DecodingError) as error:
            raise broken(self._url, error) from None

    async def whole(self) -> Answer:
        """All of it, for an answer that is no stream."""
        return Answer(self.status, self.headers, b"".join([chunk async for chunk in self.chunks()]))

    async def aclose(self) -> None:
        """Lets the connection go."""
        await self._response.aclose()


async def open_bytes(
    client: httpx.AsyncClient,
    settings: Settings,
    method: str,
    url: str,
    headers: Mapping[str, str],
    content: bytes | None,
    waits: float | None,
) -> AsyncByteStream:
    """One request whose answer is read as it comes."""
    require_open(client)
    request = client.build_request(method, url, headers=dict(headers), content=content, timeout=http_timeout(settings, waits))
    try:
        return AsyncByteStream(await client.send(request, stream=True), url)
    except httpx.TimeoutException as error:
        raise silent(url, error) from None
    except httpx.ConnectError as error:
        raise unreachable(url, error) from None
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise broken(url, error) from None


class AsyncWebSocket:
    """One socket. What waits to be read is bounded: a reader that takes its time makes the server wait."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection

    async def receive(self, timeout: float | None) -> str:
        """The next message, within so many seconds; `SocketCut` when there is none any more."""
        try:
            receiving = self._connection.recv()
            message = await (receiving if timeout is None else asyncio.wait_for(receiving, timeout))
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise ClientTimeoutError("no message came in time") from error
        except ConnectionClosed as error:
            raise SocketCut.from_close(error) from error
        if not isinstance(message, str):
            raise UnexpectedAnswerError("the server sent a binary message")
        return message

    async def send(self, message: str) -> None:
        """Sends a message; `SocketCut` when that is not possible any more."""
        try:
            await self._connection.send(message)
        except ConnectionClosed as error:
            raise SocketCut.from_close(error) from error

    async def aclose(self) -> None:
        """Closes it, and waits for no more than the peer's answer."""
        with contextlib.suppress(WebSocketException, OSError):
            await self._connection.close()


async def open_socket(settings: Settings, path: str, headers: Mapping[str, str]) -> AsyncWebSocket:
    """Opens a socket; `SocketRefused` with the server's answer where it does not upgrade."""
    url = settings.websocket_url(path)
    try:
        connection = await CONNECT(
            url,
            additional_headers=dict(headers),
            user_agent_header=None,
            # None is for http; without a context of the caller's own it is the usual one.
            ssl=(settings.ssl_context or True) if url.startswith("wss:") else None,
            compression=None,
            open_timeout=settings.connect_timeout + settings.answer_timeout,
            ping_interval=PING_S,
            ping_timeout=PONG_S,
            close_timeout=1.0,
            max_size=MESSAGE_BYTES_MAX,
            max_queue=QUEUE_MESSAGES,
            logger=SOCKET_LOG,
        )
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
    return AsyncWebSocket(connection)


__all__ = [
    "AsyncByteStream",
    "AsyncLock",
    "AsyncWebSocket",
    "fetch",
    "leave",
    "new_http_client",
    "open_bytes",
    "open_socket",
    "sleep",
    "try_acquire",
]

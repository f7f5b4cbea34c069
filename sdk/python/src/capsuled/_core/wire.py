"""Bounds of connections, and what their failures mean."""

from __future__ import annotations

import logging
from typing import Any, TypeVar, cast

import httpx
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Response

from .._contract.errors import CLOSE_CODES
from .answer import Answer
from .connection_causes import cause_of, never_connected
from .failures import CapsuledError, ClientTimeoutError, ConnectionFailedError
from .retry import parse_retry_after
from .settings import Settings

T = TypeVar("T")

# Seconds between pings of a socket, and until a pong must have come; a reader that takes its time holds pongs back too.
PING_S = 20.0
PONG_S = 60.0
# Messages of a socket that wait to be read, and bytes of one of them. Output comes in messages of at most 64 Ki characters.
QUEUE_MESSAGES = 16
MESSAGE_BYTES_MAX = 4 * 1024 * 1024
# Never at DEBUG, where headers, and so the key, would be written.
SOCKET_LOG = logging.getLogger("capsuled.socket")
SOCKET_LOG.setLevel(logging.INFO)
# Seconds for which one request waits for its answer; what takes longer is asked for again by its name.
POLL_S = 60.0


def http_timeout(settings: Settings, waits: float | None) -> httpx.Timeout:
    """How long one attempt may take: what the server was asked to wait for, and its usual time."""
    wait = POLL_S if waits is None else min(waits, POLL_S)
    return httpx.Timeout(settings.answer_timeout + wait, connect=settings.connect_timeout, pool=None)


def unreachable(url: str, error: Exception) -> ConnectionFailedError:
    """Nothing listens there, or it cannot be reached."""
    return ConnectionFailedError(
        f"No server answers at {_origin(url)}: {cause_of(error, _origin(url))}",
        was_reached=False,
    )


def broken(url: str, error: Exception) -> ConnectionFailedError:
    """The connection ended before the answer did."""
    return ConnectionFailedError(f"The connection to {_origin(url)} broke before the answer was whole ({_why(error)}).")


def silent(url: str, error: Exception) -> ClientTimeoutError:
    """The server did not answer in time, or did not even take the connection."""
    if isinstance(error, httpx.ConnectTimeout):
        return ClientTimeoutError(never_connected(_origin(url)), was_reached=False)
    return ClientTimeoutError(
        f"{_origin(url)} did not answer in time ({_why(error)}); connect_timeout and answer_timeout say how long to wait."
    )


def require_open(client: httpx.Client | httpx.AsyncClient) -> None:
    """A client that was closed sends nothing any more."""
    if client.is_closed:
        raise CapsuledError("This client is closed: make another one, or leave the block that closes it later.")


def without_redirects(connect: T) -> T:
    """A way to open sockets that takes a redirect for an answer: to follow it would take the key to wherever it leads."""
    if not hasattr(connect, "process_redirect"):
        return connect  # of a version that follows none
    return cast(T, type("Connect", (cast(Any, connect),), {"process_redirect": lambda _self, answer: answer}))


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__


class SocketCut(Exception):  # noqa: N818 - a stream's own signal, never seen outside
    """A socket ended. `code` is its close code, 1006 where there was none."""

    def __init__(self, code: int, reason: str) -> None:
        self.code = code
        self.name = CLOSE_CODES.get(code, "")
        super().__init__(f"the socket was closed with {code} {self.name or reason}".rstrip())

    @classmethod
    def from_close(cls, error: ConnectionClosed) -> SocketCut:
        """What the peer's close frame says."""
        frame = error.rcvd
        return cls(1006, "") if frame is None else cls(frame.code, frame.reason)


class SocketRefused(Exception):  # noqa: N818 - turned into the error that it carries
    """The server answered an upgrade with a status."""

    def __init__(self, answer: Answer) -> None:
        self.error: CapsuledError = answer.error()
        self.headers = answer.headers
        self.retry_after = parse_retry_after(answer.headers.get("retry-after"))
        super().__init__(str(self.error))

    @classmethod
    def from_response(cls, response: Response) -> SocketRefused:
        """The answer in the form that all answers have here."""
        headers: dict[str, Any] = {name.lower(): value for name, value in response.headers.raw_items()}
        return cls(Answer(response.status_code, headers, bytes(response.body)))

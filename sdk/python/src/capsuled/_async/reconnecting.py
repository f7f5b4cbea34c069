"""A stream's sockets: one after the other, for as long as there is patience."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from .._core.failures import CapsuledError, ClientTimeoutError, ConnectionFailedError
from .._core.retry import Patience, backoff
from .._core.wire import SocketCut, SocketRefused
from .io import AsyncLock, AsyncWebSocket, sleep
from .transport import AsyncTransport

# After these the server, or this client, is well again in a moment, and a stream goes on where it was.
RESUMABLE = frozenset({"server_stopping", "slow_consumer", "agent_error", "internal_error", "shutting_down", "unavailable"})

# What a server refuses a connection with that it may take in a moment.
REFUSED_FOR_NOW = RESUMABLE | {"rate_limited"}


class AsyncReconnectingSocket:
    """The socket of a stream that outlives its connections: `open_next` opens the next one where the last one ended."""

    def __init__(
        self,
        transport: AsyncTransport,
        what: str,
        open_next: Callable[[], Awaitable[AsyncWebSocket]],
        *,
        deadline: float | None = None,
    ) -> None:
        self._transport = transport
        self._what = what
        self._open_next = open_next
        self._deadline = deadline
        self._patience = Patience(transport.settings.reconnect_timeout)
        self._lock = AsyncLock()
        # The one that is open.
        self.current: AsyncWebSocket | None = None
        self.is_closed = False

    async def connected(self) -> AsyncWebSocket:
        """The socket that is open, or a new one."""
        async with self._lock:
            if self.is_closed:
                raise CapsuledError(f"the {self._what} is closed")
            began, attempt = time.monotonic(), 0
            while self.current is None:
                try:
                    self.current = await self._open_next()
                except (SocketRefused, SocketCut, ConnectionFailedError, ClientTimeoutError) as error:
                    attempt += 1
                    await sleep(self._delay(error, attempt, time.monotonic() - began))
                else:
                    self._patience.opened()
            return self.current

    def progressed(self) -> None:
        """Something new came."""
        self._patience.progressed()

    async def lose(self, socket: AsyncWebSocket) -> None:
        """Lets go of a socket that is cut."""
        if self.current is socket:
            self.current = None
        await socket.aclose()

    async def wait_after(self, failure: Exception) -> None:
        """Waits before the next attempt; it has failed for too long where there is to be none."""
        delay = self._patience.failed()
        if delay is None:
            raise ConnectionFailedError(f"The {self._what} could not go on: {failure}.") from failure
        await sleep(delay)

    async def aclose(self) -> None:
        """Opens no more."""
        self.is_closed = True
        socket, self.current = self.current, None
        if socket is not None:
            await socket.aclose()

    def _delay(self, error: Exception, attempt: int, elapsed: float) -> float:
        """Seconds until the next attempt to connect; the error is raised where there is to be none."""
        if isinstance(error, SocketCut):
            error = ConnectionFailedError(str(error))
        is_in_time = self._deadline is None or time.monotonic() < self._deadline
        limit = self._transport.settings.reconnect_timeout
        if is_in_time and elapsed < limit:
            if isinstance(error, SocketRefused) and not isinstance(error.error, ConnectionFailedError):
                # A refusal that says to come later than there is patience is one for good.
                wait = max(error.retry_after or 0.0, backoff(attempt))
                if getattr(error.error, "code", "") in REFUSED_FOR_NOW and elapsed + wait <= limit:
                    return wait
            elif isinstance(error, SocketRefused) or self._transport.may_be_there(error) or attempt <= 1:
                return backoff(attempt)
        raise (error.error if isinstance(error, SocketRefused) else error) from error.__cause__

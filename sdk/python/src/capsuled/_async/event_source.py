"""Server-Sent Events over as many connections as it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

from .._core.answer import Answer, retry_of
from .._core.failures import ApiError, CapsuledError, ClientTimeoutError, ConnectionFailedError
from .._core.request import Request
from .._core.retry import Patience
from .._core.sse import EventParser, ServerSentEvent
from .._core.told import event_of_kinds
from .io import AsyncByteStream, leave, sleep
from .transport import AsyncTransport

T = TypeVar("T")


class AsyncEventSource:
    """Reads events, and goes on behind the last one when the connection is cut.

    Iteration ends when the server says that everything was delivered (204), or when its owner has seen the last event.
    """

    def __init__(self, transport: AsyncTransport, request_after: Callable[[str | None], Request]) -> None:
        self._transport = transport
        self._request_after = request_after
        self._last_id: str | None = None
        self._patience = Patience(transport.settings.reconnect_timeout)
        # What came in place of a stream.
        self.answer: Answer | None = None
        self.headers: dict[str, str] = {}

    async def events(self) -> AsyncIterator[ServerSentEvent]:
        """The events, each once."""
        attempt = 0
        while True:
            failure: CapsuledError = ConnectionFailedError("the stream of events ended before its last event")
            try:
                stream = await self._transport.stream(self._request_after(self._last_id))
            except (ApiError, ConnectionFailedError, ClientTimeoutError) as error:
                failure = error
            else:
                self._patience.opened()
                try:
                    if not self._is_stream(stream):
                        self.answer = await stream.whole()
                        await stream.aclose()
                        return
                    async for event in self._read(stream):
                        self._patience.progressed()
                        attempt = 0
                        yield event
                except (ConnectionFailedError, ClientTimeoutError) as error:
                    failure = error
                except GeneratorExit:
                    await leave(stream.aclose)
                    raise
                except BaseException:
                    await stream.aclose()
                    raise
                await stream.aclose()
            attempt += 1
            await sleep(self._delay(failure, attempt))

    async def of_kinds(self, kinds: Iterable[type[T]], last: tuple[type[T], ...]) -> AsyncIterator[T]:
        """The events of these kinds, up to one of the last; those of a newer server are passed over."""
        async for event in self.events():
            told = event_of_kinds(event, kinds)
            if told is None:
                continue
            yield told
            if isinstance(told, last):
                return

    def _is_stream(self, stream: AsyncByteStream) -> bool:
        self.headers = dict(stream.headers)
        return stream.status == 200 and stream.headers.get("content-type", "").startswith("text/event-stream")

    async def _read(self, stream: AsyncByteStream) -> AsyncIterator[ServerSentEvent]:
        parser = EventParser()
        async for chunk in stream.chunks():
            for event in parser.feed(chunk):
                if event.id is not None:
                    self._last_id = event.id
                if event.data:
                    yield event

    def _delay(self, failure: CapsuledError, attempt: int) -> float:
        """Seconds until the next attempt; the failure is raised where there is to be none."""
        delay = self._patience.failed()
        is_final = isinstance(failure, ApiError) and retry_of(failure.code) not in {"immediately", "after_delay"}
        has_begun = self._last_id is not None or not isinstance(failure, ApiError)
        if is_final or delay is None or not (has_begun or attempt <= self._transport.settings.retries):
            raise failure
        if not self._transport.may_be_there(failure) and attempt > 1:
            raise failure
        return delay

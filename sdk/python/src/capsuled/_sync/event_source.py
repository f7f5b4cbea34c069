# Made by tools/make_sync.py from _async/event_source.py. Do not change it by hand.
"""Server-Sent Events over as many connections as it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from .._core.answer import Answer, retry_of
from .._core.failures import ApiError, CapsuledError, ClientTimeoutError, ConnectionFailedError
from .._core.request import Request
from .._core.retry import Patience
from .._core.sse import EventParser, ServerSentEvent
from .._core.told import event_of_kinds
from .io import ByteStream, leave, sleep
from .transport import Transport

T = TypeVar("T")


class EventSource:
    """Reads events, and goes on behind the last one when the connection is cut.

    Iteration ends when the server says that everything was delivered (204), or when its owner has seen the last event.
    """

    def __init__(self, transport: Transport, request_after: Callable[[str | None], Request]) -> None:
        self._transport = transport
        self._request_after = request_after
        self._last_id: str | None = None
        self._patience = Patience(transport.settings.reconnect_timeout)
        # What came in place of a stream.
        self.answer: Answer | None = None
        self.headers: dict[str, str] = {}

    def events(self) -> Iterator[ServerSentEvent]:
        """The events, each once."""
        attempt = 0
        while True:
            failure: CapsuledError = ConnectionFailedError("the stream of events ended before its last event")
            try:
                stream = self._transport.stream(self._request_after(self._last_id))
            except (ApiError, ConnectionFailedError, ClientTimeoutError) as error:
                failure = error
            else:
                self._patience.opened()
                try:
                    if not self._is_stream(stream):
                        self.answer = stream.whole()
                        stream.close()
                        return
                    for event in self._read(stream):
                        self._patience.progressed()
                        attempt = 0
                        yield event
                except (ConnectionFailedError, ClientTimeoutError) as error:
                    failure = error
                except GeneratorExit:
                    leave(stream.close)
                    raise
                except BaseException:
                    stream.close()
                    raise
                stream.close()
            attempt += 1
            sleep(self._delay(failure, attempt))

    def of_kinds(self, kinds: Iterable[type[T]], last: tuple[type[T], ...]) -> Iterator[T]:
        """The events of these kinds, up to one of the last; those of a newer server are passed over."""
        for event in self.events():
            told = event_of_kinds(event, kinds)
            if told is None:
                continue
            yield told
            if isinstance(told, last):
                return

    def _is_stream(self, stream: ByteStream) -> bool:
        self.headers = dict(stream.headers)
        return stream.status == 200 and stream.headers.get("content-type", "").startswith("text/event-stream")

    def _read(self, stream: ByteStream) -> Iterator[ServerSentEvent]:
        parser = EventParser()
        for chunk in stream.chunks():
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

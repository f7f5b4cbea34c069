"""Runs: invocations of endpoints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Literal

from .._contract.models import OutputPage, Run, RunWithOutput
from .._core.decode import decode
from .._core.request import make_request
from .._core.sse import headers_behind
from ..call_events import CALL_ENDS, CALL_EVENTS, CallEvent
from .event_source import AsyncEventSource
from .output import OutputStream, read_output, read_pages
from .paging import listed
from .transport import AsyncTransport

RunStatus = Literal["queued", "running", "succeeded", "failed", "timed_out", "cancelled", "missed", "error"]
RunSource = Literal["api", "public", "webhook", "schedule"]


class AsyncRuns:
    """The runs of the team's endpoints: `client.runs`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    def list(
        self, *, endpoint: str | None = None, status: RunStatus | None = None, source: RunSource | None = None
    ) -> AsyncIterator[Run]:
        """Runs, newest first, read page by page."""
        query = {"endpoint": endpoint, "status": status, "source": source}
        return listed(self._transport, "listRuns", query, lambda item: decode(Run, item, "a run"))

    async def get(self, id: str) -> RunWithOutput:
        """A run with the head of its output."""
        return await self._transport.get(make_request("getRun", params={"id": id}), RunWithOutput)

    def stream(self, id: str, *, last_event_id: str | None = None) -> AsyncIterator[CallEvent]:
        """Its events from the beginning, or behind one, over cuts; ends after `done` or `error`."""
        source = AsyncEventSource(
            self._transport,
            lambda last_id: make_request(
                "streamRun",
                params={"id": id},
                headers=headers_behind(last_id or last_event_id),
            ),
        )
        return source.of_kinds(CALL_EVENTS, CALL_ENDS)

    async def output(self, id: str, *, stream: OutputStream = "stdout", offset: int = 0, limit: int | None = None) -> bytes:
        """What it has printed so far on one stream, at most `limit` bytes or 16 MiB."""
        return await read_output(self._transport, "getRunOutput", {"id": id}, stream, offset, limit)

    def pages(
        self, id: str, *, stream: OutputStream = "stdout", offset: int = 0, limit: int | None = None
    ) -> AsyncIterator[OutputPage]:
        """As `output`, at most 1 MiB at a time."""
        return read_pages(self._transport, "getRunOutput", {"id": id}, stream, offset, limit)

    async def cancel(self, id: str) -> Run:
        """Kills its process tree, or takes it out of the queue; one that has ended stays as it is."""
        return await self._transport.get(make_request("cancelRun", params={"id": id}), Run)

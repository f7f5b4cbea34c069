"""Templates of the team, built from recipes."""

from __future__ import annotations

from collections.abc import AsyncIterator

from .._contract.models import TemplateBuild, TemplateCreate
from .._core.decode import list_in
from .._core.request import make_request
from .._core.sse import headers_behind
from ..build_events import BUILD_EVENTS, BuildEndEvent, BuildEvent
from .event_source import AsyncEventSource
from .transport import AsyncTransport


class AsyncTemplates:
    """Builds of templates: `client.templates`. What is built is listed and deleted by `client.snapshots`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def build(self, recipe: TemplateCreate) -> TemplateBuild:
        """Begins to build a template; `build_log` tells how it goes."""
        request = make_request("createTemplate", body=recipe, waits=(recipe.get("wait_ms") or 0) / 1000)
        return await self._transport.get(request, TemplateBuild)

    def build_log(self, id: str) -> AsyncIterator[BuildEvent]:
        """What a build tells, from its beginning to its end: also while it goes on, and over cuts."""
        source = AsyncEventSource(
            self._transport,
            lambda last_id: make_request(
                "streamTemplateBuild",
                params={"id": id},
                headers=headers_behind(last_id),
            ),
        )
        return source.of_kinds(BUILD_EVENTS, (BuildEndEvent,))

    async def get_build(self, id: str) -> TemplateBuild:
        """A build, with the step that failed and why."""
        return await self._transport.get(make_request("getTemplateBuild", params={"id": id}), TemplateBuild)

    async def builds(self, limit: int | None = None) -> list[TemplateBuild]:
        """The team's builds, newest first."""
        answer = await self._transport.json(make_request("listTemplateBuilds", query={"limit": limit}))
        return list_in(TemplateBuild, answer)

    async def cancel_build(self, id: str) -> TemplateBuild:
        """Ends a build; one that has ended stays as it is."""
        return await self._transport.get(make_request("cancelTemplateBuild", params={"id": id}), TemplateBuild)

# Made by tools/make_sync.py from _async/templates.py. Do not change it by hand.
"""Templates of the team, built from recipes."""

from __future__ import annotations

from collections.abc import Iterator

from .._contract.models import TemplateBuild, TemplateCreate
from .._core.decode import list_in
from .._core.request import make_request
from .._core.sse import headers_behind
from ..build_events import BUILD_EVENTS, BuildEndEvent, BuildEvent
from .event_source import EventSource
from .transport import Transport


class Templates:
    """Builds of templates: `client.templates`. What is built is listed and deleted by `client.snapshots`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def build(self, recipe: TemplateCreate) -> TemplateBuild:
        """Begins to build a template; `build_log` tells how it goes."""
        request = make_request("createTemplate", body=recipe, waits=(recipe.get("wait_ms") or 0) / 1000)
        return self._transport.get(request, TemplateBuild)

    def build_log(self, id: str) -> Iterator[BuildEvent]:
        """What a build tells, from its beginning to its end: also while it goes on, and over cuts."""
        source = EventSource(
            self._transport,
            lambda last_id: make_request(
                "streamTemplateBuild",
                params={"id": id},
                headers=headers_behind(last_id),
            ),
        )
        return source.of_kinds(BUILD_EVENTS, (BuildEndEvent,))

    def get_build(self, id: str) -> TemplateBuild:
        """A build, with the step that failed and why."""
        return self._transport.get(make_request("getTemplateBuild", params={"id": id}), TemplateBuild)

    def builds(self, limit: int | None = None) -> list[TemplateBuild]:
        """The team's builds, newest first."""
        answer = self._transport.json(make_request("listTemplateBuilds", query={"limit": limit}))
        return list_in(TemplateBuild, answer)

    def cancel_build(self, id: str) -> TemplateBuild:
        """Ends a build; one that has ended stays as it is."""
        return self._transport.get(make_request("cancelTemplateBuild", params={"id": id}), TemplateBuild)

# Made by tools/make_sync.py from _async/endpoints.py. Do not change it by hand.
"""Endpoints: commands published at a URL, and their calls."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from .._contract.models import CallAccepted, CallResult, Endpoint, EndpointDefinition, ImportResult
from .._core.answer import Answer, api_error
from .._core.call_result import result_of_run
from .._core.decode import decode
from .._core.failures import SettingsError
from .._core.request import Request, make_request, new_key
from ..call_events import CALL_ENDS, CALL_EVENTS, CallEvent
from .event_source import EventSource
from .paging import listed
from .runs import Runs
from .transport import Transport

Arguments = Mapping[str, str | int | float | bool | None]


class Endpoints:
    """The team's endpoints, and calls of any: `client.endpoints`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def define(self, name: str, definition: EndpointDefinition) -> Endpoint:
        """Publishes a command, or changes how it is published. What the definition leaves out has its default.

        Raises:
            InvalidRequestError: The definition is not valid; `problems` names every field.
        """
        request = make_request("putEndpoint", params={"name": name}, body=definition)
        return self._transport.get(request, Endpoint)

    def apply(self, text: str, *, dry_run: bool = False, prune: bool = False) -> ImportResult:
        """Publishes all endpoints of a YAML file, or none.

        Args:
            text: The file's text: `version: 1` and `endpoints: […]`.
            dry_run: Say what would change, and change nothing.
            prune: Also take away endpoints that the file does not name.
        """
        request = make_request(
            "importEndpoints",
            query={"dry_run": dry_run, "prune": prune},
            content=(text.encode(), "application/yaml"),
        )
        return self._transport.get(request, ImportResult)

    def get(self, name: str) -> Endpoint:
        """An endpoint's definition, without what is secret."""
        return self._transport.get(make_request("getEndpoint", params={"name": name}), Endpoint)

    def list(self) -> Iterator[Endpoint]:
        """The team's endpoints by name, read page by page."""
        return listed(self._transport, "listEndpoints", {}, lambda item: decode(Endpoint, item, "an endpoint"))

    def delete(self, name: str) -> None:
        """Takes an endpoint away; its runs under way go on."""
        self._transport.call(make_request("deleteEndpoint", params={"name": name}))

    def pause_schedule(self, name: str) -> Endpoint:
        """Stops running it by its schedule; it stays callable."""
        return self._transport.get(make_request("pauseEndpointSchedule", params={"name": name}), Endpoint)

    def resume_schedule(self, name: str) -> Endpoint:
        """Runs it by its schedule again, from the next time on."""
        return self._transport.get(make_request("resumeEndpointSchedule", params={"name": name}), Endpoint)

    def badge(self, owner: str, name: str | None = None) -> str:
        """A team's badge, or a public endpoint's, as SVG."""
        if name is None:
            answer = self._transport.call(make_request("getTeamBadge", params={"owner": owner}))
        else:
            answer = self._transport.call(make_request("getEndpointBadge", params={"owner": owner, "name": name}))
        return answer.content.decode()

    def call(
        self,
        endpoint: str,
        arguments: Arguments | None = None,
        *,
        method: str = "POST",
        body: tuple[bytes, str] | None = None,
        idempotency_key: str | None = None,
    ) -> CallResult:
        """Calls an endpoint and waits for its result, also that of one that answers at once and runs behind.

        Args:
            endpoint: `owner/name`.
            arguments: By name.
            method: Another method than POST; GET gives the arguments in the query.
            body: Bytes and their type for an endpoint with `stdin: body`; the arguments are in the query then.
            idempotency_key: Your name for this call: a repeat by the same name gets the first one's run.

        Raises:
            TransformFailedError, RunFailedError, CommandTimeoutError, QueueFullError, …: by the answer's code.
        """
        request = self._request(endpoint, arguments, method, body, idempotency_key, "application/json")
        answer = self._transport.call(request)
        if answer.status != 202:
            return _result(answer)
        accepted = decode(CallAccepted, answer.json())
        runs = Runs(self._transport)
        for _ in runs.stream(accepted.run_id):
            pass
        return result_of_run(runs.get(accepted.run_id))

    def start(
        self,
        endpoint: str,
        arguments: Arguments | None = None,
        *,
        method: str = "POST",
        body: tuple[bytes, str] | None = None,
        idempotency_key: str | None = None,
    ) -> str:
        """Calls an endpoint and gives its run's id: at once for an `async` one, at its end for others."""
        request = self._request(endpoint, arguments, method, body, idempotency_key, "application/json")
        answer = self._transport.call(request)
        return decode(CallAccepted, answer.json()).run_id if answer.status == 202 else _result(answer).run_id

    def stream(
        self,
        endpoint: str,
        arguments: Arguments | None = None,
        *,
        method: str = "POST",
        body: tuple[bytes, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Iterator[CallEvent]:
        """Calls an endpoint and gives its events as they come: lines of output, then `done` or `error`.

        A connection that is cut is made again by itself: every line comes once, and the command runs once.
        """
        first = self._request(endpoint, arguments, method, body, idempotency_key, "text/event-stream, application/json;q=0.1")
        source = EventSource(self._transport, lambda last_id: _after(first, last_id))
        for told in source.of_kinds(CALL_EVENTS, CALL_ENDS):
            yield told
        if source.answer is not None and source.answer.status == 202:
            run_id = decode(CallAccepted, source.answer.json()).run_id
            for told in Runs(self._transport).stream(run_id):
                yield told

    def _request(
        self,
        endpoint: str,
        arguments: Arguments | None,
        method: str,
        body: tuple[bytes, str] | None,
        idempotency_key: str | None,
        accept: str,
    ) -> Request:
        owner, slash, name = endpoint.partition("/")
        if not slash or not owner or not name or "/" in name:
            raise SettingsError(f"an endpoint is called by owner/name, and {endpoint!r} is not that")
        given = {key: value for key, value in (arguments or {}).items() if value is not None}
        in_query = body is not None or method in {"GET", "DELETE"}
        return make_request(
            "callEndpoint",
            params={"owner": owner, "name": name},
            query={key: _text(value) for key, value in given.items()} if in_query else None,
            body=None if in_query else given,
            content=body,
            method=method,
            headers={"Accept": accept},
            idempotency_key=idempotency_key or new_key(),
            waits=None,
        )


def _text(value: str | float) -> str:
    return json.dumps(value) if isinstance(value, (bool, int, float)) else value


def _after(first: Request, last_id: str | None) -> Request:
    """The same call behind an event: it attaches to the run of that event and starts nothing."""
    if last_id is None:
        return first
    headers = {name: value for name, value in first.headers.items() if name != "Idempotency-Key"}
    return replace(first, headers={**headers, "Last-Event-ID": last_id})


def _result(answer: Answer) -> CallResult:
    value: Any = answer.json()
    if isinstance(value, dict) and value.get("ignored") is True:
        raise api_error("invalid_request", "The endpoint does not ask for this webhook's event.", status=answer.status)
    return decode(CallResult, value)

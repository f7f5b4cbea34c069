# Made by tools/make_sync.py from _async/client.py. Do not change it by hand.
"""A client of one server: what is not a capsule's own."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import TracebackType
from typing import Any, Literal

from .._contract.models import CapsuleStats, TicketCreated, Usage
from .._core.request import make_request
from .._core.settings import resolve_settings
from .access import Keys, Teams
from .endpoints import Endpoints
from .events import Events
from .images import Images
from .runs import Runs
from .snapshots import Snapshots
from .templates import Templates
from .transport import Transport


@dataclass(frozen=True)
class Health:
    """Whether the server and what it needs are well."""

    status: Literal["ok", "degraded"]
    version: str
    checks: Mapping[str, str]


class Client:
    """A client of one server.

    Args:
        url: The server; `CAPSULED_URL` or http://127.0.0.1:8080 by default.
        api_key: A team's key; `CAPSULED_API_KEY` by default. Operations that need one say so when there is none.
        connect_timeout: Seconds until a connection must stand; 5 by default.
        answer_timeout: Seconds that the server may take to answer, beyond what it was asked to wait; 30 by default.
        retries: How often a request is repeated where the contract says that this is safe; 5 by default.
        reconnect_timeout: Seconds for which a stream that was cut is tried again; 60 by default.
        ssl_context: For https with a certificate of one's own.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        connect_timeout: float | None = None,
        answer_timeout: float | None = None,
        retries: int | None = None,
        reconnect_timeout: float | None = None,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.settings = resolve_settings(
            url=url,
            api_key=api_key,
            connect_timeout=connect_timeout,
            answer_timeout=answer_timeout,
            retries=retries,
            reconnect_timeout=reconnect_timeout,
            ssl_context=ssl_context,
        )
        self.transport = Transport(self.settings)
        self.endpoints = Endpoints(self.transport)
        self.runs = Runs(self.transport)
        self.events = Events(self.transport)
        self.snapshots = Snapshots(self.transport)
        self.templates = Templates(self.transport)
        self.images = Images(self.transport)
        self.keys = Keys(self.transport)
        self.teams = Teams(self.transport)

    @property
    def server_version(self) -> str | None:
        """The version of the server, as its last answer said it; None before the first."""
        return self.transport.server_version

    def health(self) -> Health:
        """The server's health and version; needs no key."""
        return self.transport.get(make_request("getHealth"), Health)

    def stats(self, range: Literal["5m", "1h", "6h", "24h", "30d"] | None = None) -> CapsuleStats:
        """How many of the team's capsules have run, and with what, from now back; an hour by default."""
        return self.transport.get(make_request("getCapsuleStats", query={"range": range}), CapsuleStats)

    def usage(self, from_: date | str | None = None, to: date | str | None = None) -> Usage:
        """What the team's capsules had of processor and memory, by days in UTC; the last 30 days and today unless said."""
        query = {name: day.isoformat() if isinstance(day, date) else day for name, day in (("from", from_), ("to", to))}
        return self.transport.get(make_request("getUsage", query=query), Usage)

    def metrics(self) -> str:
        """Metrics in Prometheus' text format; only to callers on the server's own machine, unless a setting opens it."""
        return (self.transport.call(make_request("getMetrics"))).content.decode()

    def openapi(self) -> Mapping[str, Any]:
        """The API as OpenAPI 3.1."""
        answer: Mapping[str, Any] = self.transport.json(make_request("getOpenapi"))
        return answer

    def docs(self) -> str:
        """The API's reference as a page."""
        return (self.transport.call(make_request("getDocs", headers={"Accept": "text/html"}))).content.decode()

    def create_ticket(self, path: str, *, method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET") -> TicketCreated:
        """Makes a ticket for one request of a page in a browser: good once, for 30 s, as `?ticket=`."""
        request = make_request("createTicket", body={"path": path, "method": method})
        return self.transport.get(request, TicketCreated)

    def close(self) -> None:
        """Closes all connections."""
        self.transport.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

"""The ports of a capsule."""

from __future__ import annotations

from .._contract.models import CapsulePort, ListeningPort, PortList, PortUrl
from .._contract.operations import OperationId
from .._core.request import Request, make_request
from .transport import AsyncTransport


class AsyncPorts:
    """The TCP ports that programs of one capsule listen on: `capsule.ports`."""

    def __init__(self, transport: AsyncTransport, capsule_id: str) -> None:
        self._transport = transport
        self._capsule_id = capsule_id

    async def list(self) -> tuple[ListeningPort, ...]:
        """What is listened on now, by number, each with where it is reached: by a key of the team, unless it is public."""
        request = make_request("listPorts", params={"id": self._capsule_id})
        return (await self._transport.get(request, PortList)).ports

    async def url(self, port: int, *, ttl: int | None = None) -> PortUrl:
        """A link to a port that works without a key. The port need not be listened on yet.

        A browser opens its `url`; a program sends its `token` as `capsuled_token` with each request.

        Args:
            ttl: Seconds for which it is good; an hour by default, a week at most.
        """
        return await self._transport.get(self._request("createPortUrl", port, {"ttl_sec": ttl}), PortUrl)

    async def set_access(self, port: int, *, public: bool) -> CapsulePort:
        """Lets anybody reach a port, or again only those with a key or a link. It need not be listened on."""
        return await self._transport.get(self._request("setPortAccess", port, {"public": public}), CapsulePort)

    def _request(self, operation: OperationId, port: int, body: dict[str, bool | int | None]) -> Request:
        return make_request(operation, params={"id": self._capsule_id, "port": str(port)}, body=body)

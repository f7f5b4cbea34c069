"""Templates of the team, made of capsules' disks."""

from __future__ import annotations

from typing import Literal

from .._contract.models import Template
from .._core.decode import list_in
from .._core.request import make_request
from .transport import AsyncTransport

# Seconds that copying a disk may take.
COPY_S = 300.0


class AsyncSnapshots:
    """The templates that the team can create capsules from: `client.snapshots`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, capsule_id: str, name: str | None = None, *, overwrite: bool = False) -> Template:
        """Makes a template of a capsule's disk: its files, not its memory.

        Args:
            name: Left out, `template-` and 8 hex digits.
            overwrite: Take the place of the team's template of that name.
        """
        body = {"capsule_id": capsule_id, "name": name, "overwrite": overwrite}
        return await self._transport.get(make_request("createSnapshot", body=body, waits=COPY_S), Template)

    async def list(self, type: Literal["base", "snapshot"] | None = None) -> list[Template]:
        """The team's own, newest first, then those that every team has."""
        answer = await self._transport.json(make_request("listSnapshots", query={"type": type}))
        return list_in(Template, answer)

    async def delete(self, name: str) -> None:
        """Deletes a template of the team; capsules that were created from it go on."""
        await self._transport.call(make_request("deleteSnapshot", params={"name": name}))

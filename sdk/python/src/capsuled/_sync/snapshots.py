# Made by tools/make_sync.py from _async/snapshots.py. Do not change it by hand.
"""Templates of the team, made of capsules' disks."""

from __future__ import annotations

from typing import Literal

from .._contract.models import Template
from .._core.decode import list_in
from .._core.request import make_request
from .transport import Transport

# Seconds that copying a disk may take.
COPY_S = 300.0


class Snapshots:
    """The templates that the team can create capsules from: `client.snapshots`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, capsule_id: str, name: str | None = None, *, overwrite: bool = False) -> Template:
        """Makes a template of a capsule's disk: its files, not its memory.

        Args:
            name: Left out, `template-` and 8 hex digits.
            overwrite: Take the place of the team's template of that name.
        """
        body = {"capsule_id": capsule_id, "name": name, "overwrite": overwrite}
        return self._transport.get(make_request("createSnapshot", body=body, waits=COPY_S), Template)

    def list(self, type: Literal["base", "snapshot"] | None = None) -> list[Template]:
        """The team's own, newest first, then those that every team has."""
        answer = self._transport.json(make_request("listSnapshots", query={"type": type}))
        return list_in(Template, answer)

    def delete(self, name: str) -> None:
        """Deletes a template of the team; capsules that were created from it go on."""
        self._transport.call(make_request("deleteSnapshot", params={"name": name}))

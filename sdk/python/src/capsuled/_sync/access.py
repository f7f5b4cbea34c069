# Made by tools/make_sync.py from _async/access.py. Do not change it by hand.
"""Keys and teams."""

from __future__ import annotations

from typing import Literal

from .._contract.models import ApiKey, ApiKeyCreated, Team, TeamCreated
from .._core.decode import list_in
from .._core.request import make_request
from .transport import Transport


class Keys:
    """The team's API keys: `client.keys`. Making and revoking takes an admin's key."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str | None = None, *, role: Literal["admin", "member"] = "member") -> ApiKeyCreated:
        """Makes a key. Its text, `key`, is shown this once."""
        return self._transport.get(make_request("createKey", body={"name": name, "role": role}), ApiKeyCreated)

    def list(self) -> list[ApiKey]:
        """The team's keys, newest first; never the keys themselves."""
        answer = self._transport.json(make_request("listKeys"))
        return list_in(ApiKey, answer)

    def revoke(self, id: str) -> None:
        """Revokes a key; it stops working within 5 s."""
        self._transport.call(make_request("revokeKey", params={"key_id": id}))


class Teams:
    """Teams: `client.teams`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def create(self, name: str, *, slug: str | None = None) -> TeamCreated:
        """Makes a team with its first admin key; for the first team's admin."""
        return self._transport.get(make_request("createTeam", body={"name": name, "slug": slug}), TeamCreated)

    def list(self) -> list[Team]:
        """One's own team; all of them for the first team's admin."""
        answer = self._transport.json(make_request("listTeams"))
        return list_in(Team, answer, "teams")

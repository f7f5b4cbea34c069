"""Keys and teams."""

from __future__ import annotations

from typing import Literal

from .._contract.models import ApiKey, ApiKeyCreated, Team, TeamCreated
from .._core.decode import list_in
from .._core.request import make_request
from .transport import AsyncTransport


class AsyncKeys:
    """The team's API keys: `client.keys`. Making and revoking takes an admin's key."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, name: str | None = None, *, role: Literal["admin", "member"] = "member") -> ApiKeyCreated:
        """Makes a key. Its text, `key`, is shown this once."""
        return await self._transport.get(make_request("createKey", body={"name": name, "role": role}), ApiKeyCreated)

    async def list(self) -> list[ApiKey]:
        """The team's keys, newest first; never the keys themselves."""
        answer = await self._transport.json(make_request("listKeys"))
        return list_in(ApiKey, answer)

    async def revoke(self, id: str) -> None:
        """Revokes a key; it stops working within 5 s."""
        await self._transport.call(make_request("revokeKey", params={"key_id": id}))


class AsyncTeams:
    """Teams: `client.teams`."""

    def __init__(self, transport: AsyncTransport) -> None:
        self._transport = transport

    async def create(self, name: str, *, slug: str | None = None) -> TeamCreated:
        """Makes a team with its first admin key; for the first team's admin."""
        return await self._transport.get(make_request("createTeam", body={"name": name, "slug": slug}), TeamCreated)

    async def list(self) -> list[Team]:
        """One's own team; all of them for the first team's admin."""
        answer = await self._transport.json(make_request("listTeams"))
        return list_in(Team, answer, "teams")

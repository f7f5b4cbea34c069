"""The making of a capsule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from .._contract.models import CapsuleInfo
from .._core.request import make_request
from .abandoned import destroy_all, make_capsules
from .capsule_calls import READY_TIMEOUT_S, WAIT_MS, until_running
from .client import AsyncClient


async def create_capsule(
    client: AsyncClient, body: Mapping[str, Any], on_conflict: Literal["fail", "return"] | None, *, wait: bool
) -> CapsuleInfo:
    """Creates a capsule; with `wait` it runs.

    One that does not come to run, or whose making is interrupted, is destroyed, unless it may have been there.
    """
    request = make_request("createCapsule", body=body, query={"on_conflict": on_conflict}, waits=WAIT_MS / 1000)
    if on_conflict == "return":
        # One that may have been there before is not this call's to destroy.
        created = await client.transport.get(request, CapsuleInfo)
    else:
        created = await make_capsules(client.transport, request, CapsuleInfo, lambda made: [made.id])
    if not wait:
        return created
    try:
        return await until_running(client, created, READY_TIMEOUT_S)
    except BaseException:
        if on_conflict != "return":
            await destroy_all(client.transport, [created.id])
        raise

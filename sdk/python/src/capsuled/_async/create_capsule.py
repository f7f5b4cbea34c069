"""The making of a capsule."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Literal

from .._contract.models import CapsuleInfo
from .._core.failures import CapsuledError
from .._core.request import make_request
from .capsule_calls import READY_TIMEOUT_S, WAIT_MS, until_running
from .client import AsyncClient

log = logging.getLogger("capsuled")


async def create_capsule(
    client: AsyncClient, body: Mapping[str, Any], on_conflict: Literal["fail", "return"] | None, *, wait: bool
) -> CapsuleInfo:
    """Creates a capsule; with `wait` it runs. One that does not come to run is destroyed, unless it may have been there."""
    request = make_request("createCapsule", body=body, query={"on_conflict": on_conflict}, waits=WAIT_MS / 1000)
    created = await client.transport.get(request, CapsuleInfo)
    if not wait:
        return created
    try:
        return await until_running(client, created, READY_TIMEOUT_S)
    except BaseException:
        if on_conflict != "return":
            try:
                await client.transport.call(make_request("destroyCapsule", params={"id": created.id}))
            except CapsuledError as failure:
                log.warning("capsule %s could not be destroyed: %s", created.id, failure)
        raise

# Made by tools/make_sync.py from _async/create_capsule.py. Do not change it by hand.
"""The making of a capsule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from .._contract.models import CapsuleInfo
from .._core.request import make_request
from .abandoned import destroy_all, make_capsules
from .capsule_calls import READY_TIMEOUT_S, WAIT_MS, until_running
from .client import Client


def create_capsule(
    client: Client,
    body: Mapping[str, Any],
    on_conflict: Literal["fail", "return"] | None,
    *,
    wait: bool,
    idempotency_key: str | None = None,
) -> CapsuleInfo:
    """Creates a capsule; with `wait` it runs.

    One that does not come to run, or whose making is interrupted, is destroyed, unless it may have been there, or the
    caller has a name for it.
    """
    request = make_request(
        "createCapsule", body=body, query={"on_conflict": on_conflict}, idempotency_key=idempotency_key, waits=WAIT_MS / 1000
    )
    is_callers = on_conflict == "return" or idempotency_key is not None
    if is_callers:
        # One that may have been there before is not this call's to destroy.
        created = client.transport.get(request, CapsuleInfo)
    else:
        created = make_capsules(client.transport, request, CapsuleInfo, lambda made: [made.id])
    if not wait:
        return created
    try:
        return until_running(client, created, READY_TIMEOUT_S)
    except BaseException:
        if not is_callers:
            destroy_all(client.transport, [created.id])
        raise

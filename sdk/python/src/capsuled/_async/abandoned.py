"""Destroys capsules that nobody will hear of, because their making was interrupted."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import TypeVar

from .._core.failures import CapsuledError
from .._core.request import Request, make_request
from .transport import AsyncTransport

T = TypeVar("T")

log = logging.getLogger("capsuled")


async def make_capsules(transport: AsyncTransport, request: Request, cls: type[T], ids_of: Callable[[T], Iterable[str]]) -> T:
    """The answer to a request that makes capsules.

    When the caller gives up (an interrupt, a cancellation), the same request, known by its name, finds out what it has made,
    and that is destroyed, as far as the server can be reached: before this raises, and for no longer than the request itself
    may take.
    """
    try:
        return await transport.get(request, cls)
    except Exception:
        raise
    except BaseException:
        try:
            made = await transport.get(request, cls)
        except CapsuledError as failure:
            log.warning("what an interrupted %s has made is not known: %s", request.operation.id, failure)
        else:
            await destroy_all(transport, ids_of(made))
        raise


async def destroy_all(transport: AsyncTransport, ids: Iterable[str]) -> None:
    """Destroys capsules; a failure is logged."""
    for capsule_id in ids:
        try:
            await transport.call(make_request("destroyCapsule", params={"id": capsule_id}))
        except CapsuledError as failure:
            log.warning("capsule %s could not be destroyed: %s", capsule_id, failure)

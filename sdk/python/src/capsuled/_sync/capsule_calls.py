# Made by tools/make_sync.py from _async/capsule_calls.py. Do not change it by hand.
"""What is asked about one capsule by its id alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

from .._contract.models import CapsuleInfo
from .._core.answer import api_error
from .._core.failures import ClientTimeoutError
from .._core.request import make_request
from .client import Client
from .io import sleep

if TYPE_CHECKING:
    from .capsule import Capsule

# Milliseconds that one answer waits for a capsule to run, and seconds between looks after it.
WAIT_MS = 30_000
LOOK_S = 0.25
# Seconds that a capsule is waited for until it runs.
READY_TIMEOUT_S = 120.0

Action = Literal["pauseCapsule", "resumeCapsule", "stopCapsule", "startCapsule"]


class InfoOf:
    """One name for two readings: by an id from the class, and anew from an object."""

    @overload
    def __get__(self, capsule: None, owner: type[Capsule]) -> InfoById: ...

    @overload
    def __get__(self, capsule: Capsule, owner: type[Capsule]) -> Callable[[], CapsuleInfo]: ...

    def __get__(self, capsule: Capsule | None, owner: type[Capsule]) -> Any:
        return info_by_id if capsule is None else capsule._refresh


class InfoById(Protocol):
    """Reads a capsule's facts by its id alone."""

    def __call__(
        self, id: str, *, client: Client | None = None, url: str | None = None, api_key: str | None = None
    ) -> CapsuleInfo: ...


def info_by_id(id: str, *, client: Client | None = None, url: str | None = None, api_key: str | None = None) -> CapsuleInfo:
    """A capsule's facts, by its id alone."""
    used = client if client is not None else Client(url=url, api_key=api_key)
    try:
        return get_capsule(used, id)
    finally:
        if client is None:
            used.close()


def get_capsule(client: Client, id: str) -> CapsuleInfo:
    """A capsule's facts as they are now."""
    return client.transport.get(make_request("getCapsule", params={"id": id}), CapsuleInfo)


def act(client: Client, action: Action, id: str) -> CapsuleInfo:
    """Pauses, resumes, stops or starts it."""
    body = {"wait_ms": WAIT_MS} if action in {"resumeCapsule", "startCapsule"} else None
    request = make_request(action, params={"id": id}, body=body, waits=WAIT_MS / 1000)
    return client.transport.get(request, CapsuleInfo)


def until_running(client: Client, info: CapsuleInfo, timeout: float) -> CapsuleInfo:
    """Waits until a capsule runs, for so many seconds; a paused one is resumed."""
    deadline = time.monotonic() + timeout
    while True:
        match info.status:
            case "running":
                return info
            case "pending" | "starting":
                pass
            case "paused":
                info = act(client, "resumeCapsule", info.id)
                continue
            case _:
                raise api_error(
                    "invalid_state",
                    f"The capsule {info.id} is {info.status} ({info.reason}{f': {info.message}' if info.message else ''}).",
                )
        if time.monotonic() > deadline:
            why = f": {info.message}" if info.message else "."
            raise ClientTimeoutError(f"The capsule {info.id} is still {info.status} after {timeout} s{why}")
        sleep(LOOK_S)
        info = get_capsule(client, info.id)

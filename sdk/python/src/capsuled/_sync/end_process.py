# Made by tools/make_sync.py from _async/end_process.py. Do not change it by hand.
"""Ends processes that nobody waits for any more."""

from __future__ import annotations

import logging

from .._core.failures import ApiError, CapsuledError
from .._core.request import make_request
from .io import sleep
from .transport import Transport

# Seconds between attempts to end a process that was asked for a moment ago and may not run yet.
STARTING_DELAYS_S = (0.1, 0.4, 1.0)

log = logging.getLogger("capsuled")


def end_process(transport: Transport, capsule_id: str, selector: str, *, is_starting: bool = False) -> None:
    """Kills a process that nobody waits for any more. One that has ended already is no error; a failure is logged."""
    for delay in (*STARTING_DELAYS_S, None) if is_starting else (None,):
        try:
            transport.call(make_request("killProcess", params={"id": capsule_id, "selector": selector}))
        except ApiError as error:
            if error.code == "not_found" and delay is not None:
                sleep(delay)
                continue
            if error.code not in {"not_found", "invalid_state"}:
                log.warning("process %s of %s could not be ended: %s", selector, capsule_id, error)
        except CapsuledError as error:
            log.warning("process %s of %s could not be ended: %s", selector, capsule_id, error)
        return

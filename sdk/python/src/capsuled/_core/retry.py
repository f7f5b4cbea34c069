"""When a request is sent again, and after how long."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from .answer import retry_of
from .failures import ApiError, CapsuledError, ClientTimeoutError, ConnectionFailedError
from .request import Request
from .settings import Settings

FIRST_DELAY_S = 0.2
DELAY_MAX_S = 5.0
# Between two looks at a request that is under way, at least.
LOOK_AGAIN_S = 0.05
# The longest that a server's Retry-After is obeyed for; a longer one is the caller's to decide.
RETRY_AFTER_MAX_S = 60.0
# A connection that lasted for so many seconds was a good one.
STEADY_S = 5.0
# A server that never answered this client is more likely not there than busy.
RETRIES_BEFORE_FIRST_ANSWER = 1


@dataclass
class RetryState:
    """What was tried so far for one request."""

    attempts: int = 0
    # Whether what was asked may have been done without a word.
    may_be_done: bool = False

    def delay(
        self,
        request: Request,
        failure: CapsuledError,
        settings: Settings,
        *,
        retry_after: float | None = None,
        has_answered: bool = True,
        elapsed: float = 0.0,
    ) -> float | None:
        """Seconds until the next attempt, or None where the failure is the result."""
        self.may_be_done = leaves_open(failure, was_open=self.may_be_done)
        if not may_repeat(request, failure):
            return None
        if is_under_way(request, failure) and (request.waits is None or elapsed <= request.waits + settings.answer_timeout):
            # Never at once: an answer that comes at once would be asked for without a pause.
            return min(max(retry_after or 0.0, LOOK_AGAIN_S), RETRY_AFTER_MAX_S)
        retries = settings.retries
        if isinstance(failure, ConnectionFailedError) and not (failure.was_reached or has_answered):
            retries = min(retries, RETRIES_BEFORE_FIRST_ANSWER)
        if self.attempts >= retries:
            return None
        self.attempts += 1
        if retry_after is not None and retry_after > RETRY_AFTER_MAX_S:
            return None
        return max(retry_after or 0.0, backoff(self.attempts))


# Answers that do not say what has become of the request.
OUTCOME_UNKNOWN = frozenset({"internal_error", "agent_error", "idempotency_in_progress", "unavailable"})


def leaves_open(failure: CapsuledError, *, was_open: bool) -> bool:
    """Whether what was asked may have been done, after this failure and those before it."""
    if isinstance(failure, ApiError):
        return failure.code in OUTCOME_UNKNOWN
    if isinstance(failure, ConnectionFailedError):
        return was_open or failure.was_reached
    return was_open or (isinstance(failure, ClientTimeoutError) and failure.was_reached)


def is_under_way(request: Request, failure: CapsuledError) -> bool:
    """Whether the request only takes its time, which is no failure: it is asked for again by its name."""
    if isinstance(failure, ApiError):
        return failure.code == "idempotency_in_progress"
    return isinstance(failure, ClientTimeoutError) and request.is_named and (request.waits is None or request.waits > 0)


def may_repeat(request: Request, failure: CapsuledError) -> bool:
    """Whether the contract says that this may be sent again."""
    if isinstance(failure, ApiError):
        match retry_of(failure.code):
            case "never":
                return False
            case "immediately" | "after_delay":
                # Nothing was done, says the catalogue; a repeat of what has a name is known as one.
                return request.is_repeatable
            case "indeterminate":
                return request.is_repeatable and failure.code != "run_failed"
    return isinstance(failure, (ConnectionFailedError, ClientTimeoutError)) and request.is_repeatable


def backoff(attempt: int) -> float:
    """Seconds before this attempt: twice the last, with some chance in it so that clients do not come together."""
    delay: float = min(FIRST_DELAY_S * 2.0 ** (attempt - 1), DELAY_MAX_S)
    return delay * random.uniform(0.75, 1.25)


def parse_retry_after(value: str | None) -> float | None:
    """Seconds; this server never sends a date."""
    try:
        seconds = float(value) if value is not None else None
    except ValueError:
        return None
    return seconds if seconds is not None and 0 <= seconds < float("inf") else None


class Patience:
    """How long a stream that breaks again and again is opened anew.

    A stream may be silent for hours. What counts is for how long it has failed: since the first break after which nothing
    came, and no connection lasted.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._opened_at: float | None = None
        self._failing_since: float | None = None
        self._attempts = 0

    def opened(self) -> None:
        """A connection stands."""
        self._opened_at = self._clock()

    def progressed(self) -> None:
        """Something new came."""
        self._failing_since, self._attempts = None, 0

    def failed(self) -> float | None:
        """Seconds until the next attempt; None where it has failed for too long."""
        now = self._clock()
        if self._opened_at is not None and now - self._opened_at > STEADY_S:
            self.progressed()
        self._opened_at = None
        if self._failing_since is None:
            self._failing_since = now
        if now - self._failing_since > self._limit:
            return None
        self._attempts += 1
        return 0.0 if self._attempts == 1 else backoff(self._attempts - 1)

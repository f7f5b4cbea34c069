from __future__ import annotations

from capsuled._core.failures import ConnectionFailedError
from capsuled._core.request import make_request
from capsuled._core.retry import RETRY_AFTER_MAX_S, STEADY_S, Patience, RetryState
from capsuled._core.settings import RETRIES, resolve_settings


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_stream_that_was_silent_for_hours_is_opened_anew_when_it_is_cut() -> None:
    clock = Clock()
    patience = Patience(60, clock)
    patience.opened()
    clock.now += 10_000
    assert patience.failed() == 0
    clock.now += 30
    assert patience.failed() is not None
    patience.opened()
    clock.now += 10_000
    assert patience.failed() == 0


def test_a_stream_that_breaks_again_and_again_without_progress_is_given_up() -> None:
    clock = Clock()
    patience = Patience(60, clock)
    delays = []
    for _ in range(100):
        patience.opened()
        clock.now += STEADY_S / 2
        delay = patience.failed()
        if delay is None:
            break
        delays.append(delay)
        clock.now += delay
    assert 60 <= clock.now <= 80
    assert delays[0] == 0
    assert all(delay > 0 for delay in delays[1:])


def test_progress_makes_a_stream_young_again() -> None:
    clock = Clock()
    patience = Patience(60, clock)
    for _ in range(100):
        patience.progressed()
        assert patience.failed() == 0
        clock.now += 3


def test_a_request_is_repeated_so_often_and_no_longer_after_a_retry_after_than_the_bound() -> None:
    settings = resolve_settings(url="http://127.0.0.1:1", api_key="wrn_x")
    request = make_request("listKeys")
    failure = ConnectionFailedError("it broke")
    state = RetryState()
    delays = [state.delay(request, failure, settings) for _ in range(RETRIES + 1)]
    assert all(delay is not None and delay > 0 for delay in delays[:RETRIES])
    assert delays[RETRIES] is None
    assert RetryState().delay(request, failure, settings, retry_after=RETRY_AFTER_MAX_S) == RETRY_AFTER_MAX_S
    assert RetryState().delay(request, failure, settings, retry_after=RETRY_AFTER_MAX_S + 1) is None

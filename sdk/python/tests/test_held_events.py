from __future__ import annotations

from capsuled._core.held_events import HELD_BYTES_MAX, HELD_EVENTS_MAX, HeldEvents
from capsuled.stream_events import GapEvent, StderrEvent, StdoutEvent, StreamEvent


def test_events_come_out_in_the_order_in_which_they_went_in() -> None:
    held = HeldEvents()
    events: list[StreamEvent] = [StdoutEvent("a", b"a", 1), GapEvent(2, 3, 1, 0), StderrEvent("b", b"b", 4)]
    held.extend(events[:2])
    held.extend(events[2:])
    assert [held.take() for _ in range(len(held))] == events
    assert len(held) == 0


def test_large_events_are_bounded_by_their_bytes_and_small_ones_by_their_number() -> None:
    held = HeldEvents()
    large = StdoutEvent("", bytes(HELD_BYTES_MAX // 4), 1)
    held.extend([large] * 4)
    assert not held.is_beyond
    held.extend([StderrEvent("x", b"x", 2)])
    assert held.is_beyond
    held.take()
    assert not held.is_beyond
    small = HeldEvents()
    small.extend([StdoutEvent("", b"", 1)] * HELD_EVENTS_MAX)
    assert not small.is_beyond
    small.extend([GapEvent(2, 3, 0, 0)])
    assert small.is_beyond

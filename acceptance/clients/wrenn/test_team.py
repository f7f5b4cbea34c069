"""What a team has and had: stats, usage, metrics, and events as they happen."""

from __future__ import annotations

import threading
import time
from datetime import date, timedelta
from typing import Any

import pytest
import wrenn
from faces import Client


def test_stats_count_the_capsules_that_run(capsule: Any, low: Any) -> None:
    assert capsule.is_running()
    stats = low.capsules.stats()
    assert stats.range == "1h" and stats.current.running_count >= 1
    assert stats.current.vcpus_reserved >= 1 and stats.current.memory_mb_reserved >= 1
    assert stats.peaks.running_count >= 0
    series = stats.series
    assert len(series.labels) == len(series.running) == len(series.vcpus) == len(series.memory_mb)
    for each in ("5m", "1h", "6h", "24h", "30d"):
        assert low.capsules.stats(range=each).range == each


def test_metrics_are_points_of_one_capsule(capsule: Any, low: Any) -> None:
    metrics = low.capsules.metrics(capsule.capsule_id)
    assert (metrics.sandbox_id, metrics.range) == (capsule.capsule_id, "10m")
    for point in metrics.points:
        assert point.timestamp_unix > 1_700_000_000 and 0 <= point.cpu_pct <= 100 and point.mem_bytes >= 0
    for each in ("10m", "2h", "24h"):
        assert low.capsules.metrics(capsule.capsule_id, range=each).range == each


def test_usage_is_told_by_the_day(capsule: Any, low: Any) -> None:
    assert capsule.is_running()
    usage = low.capsules.usage()
    assert (usage.to - usage.from_).days == 30 and len(usage.points) == 31
    assert [point.date for point in usage.points] == [usage.from_ + timedelta(days=n) for n in range(31)]
    assert all(point.cpu_minutes >= 0 and point.ram_mb_minutes >= 0 for point in usage.points)
    today = usage.to
    week = low.capsules.usage(from_=today - timedelta(days=7), to=today)
    assert len(week.points) == 8 and (week.from_, week.to) == (today - timedelta(days=7), today)
    assert low.capsules.usage(from_="2026-01-01", to="2026-01-01").from_ == date(2026, 1, 1)
    until = time.monotonic() + 40
    while low.capsules.usage(from_=today).points[0].cpu_minutes == 0:
        assert time.monotonic() < until, "nothing was counted"
        time.sleep(0.5)
    with pytest.raises(wrenn.WrennValidationError):
        low.capsules.usage(from_=today - timedelta(days=93), to=today)


def test_events_are_told_as_they_happen(client: Client) -> None:
    """Whoever follows sees a capsule made, paused, resumed and destroyed, in this order."""
    wanted = ["capsule.create", "capsule.pause", "capsule.resume", "capsule.destroy"]
    opened = threading.Event()
    made: list[str] = []
    seen: list[str] = []

    def live() -> None:
        with wrenn.Capsule(wait=True) as capsule:
            # Only who is told something knows that it follows.
            while not opened.is_set():
                capsule.pause()
                capsule.resume()
        with wrenn.Capsule(wait=True) as capsule:
            made.append(capsule.capsule_id)
            capsule.pause()
            capsule.resume()

    thread = threading.Thread(target=live)
    thread.start()
    with client.WrennClient() as low:
        for event in low.events.stream():
            opened.set()
            if event.resource is None or not made or event.resource.id != made[0] or event.event not in wanted:
                continue  # an event of the other capsule, or of a process, or one that no client knows
            assert event.resource.type == "sandbox" and event.outcome == "success" and event.actor.type == "api_key"
            assert abs(event.timestamp.timestamp() - time.time()) < 300
            seen.append(event.event)
            if event.event == "capsule.destroy":
                break
    thread.join()
    assert [each for each in seen if each != "capsule.create"] == wanted[1:]

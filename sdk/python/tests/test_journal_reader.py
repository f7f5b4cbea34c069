from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from capsuled._core.journal_reader import JournalReader
from capsuled.errors import DigestMismatchError, UnexpectedAnswerError
from capsuled.stream_events import ExitEvent, GapEvent, StderrEvent, StdoutEvent, StreamEvent

from .behaviours import behaviour

START = {"type": "start", "id": "pr-1", "pid": 7, "tag": "bg-1", "next_seq": 1}


def printed(seq: int, content: bytes, kind: str = "stdout") -> dict[str, Any]:
    return {"type": kind, "seq": seq, "data": base64.b64encode(content).decode(), "encoding": "base64"}


def ended(seq: int, stdout: bytes, stderr: bytes = b"", **facts: Any) -> dict[str, Any]:
    return {
        "type": "exit",
        "seq": seq,
        "exit_code": 0,
        "reason": "exited",
        "signal": None,
        "duration_ms": 5,
        "oom_kills": 0,
        "requested": None,
        "late_bytes": 0,
        "stdout_bytes": len(stdout),
        "stderr_bytes": len(stderr),
        "stdout_sha256": hashlib.sha256(stdout).hexdigest(),
        "stderr_sha256": hashlib.sha256(stderr).hexdigest(),
        **facts,
    }


def read(reader: JournalReader, *messages: dict[str, Any]) -> list[StreamEvent]:
    return [event for message in messages for event in reader.take(message)]


def text(events: list[StreamEvent], kind: type = StdoutEvent) -> str:
    return "".join(event.data for event in events if isinstance(event, (StdoutEvent, StderrEvent)) and isinstance(event, kind))


@behaviour("stream.digest")
@pytest.mark.parametrize(
    "end",
    [
        ended(2, b"hallo"),  # other bytes
        ended(2, b"hello!"),  # one is missing
        ended(2, b"hell"),  # one too many
        ended(2, b"hello", b"e"),  # of the other stream
        ended(2, b"hello", stdout_sha256="0" * 64),
    ],
)
def test_bytes_that_do_not_match_the_digest_of_the_end_are_an_error(end: dict[str, Any]) -> None:
    reader = JournalReader("start")
    assert text(read(reader, START, printed(1, b"hello"))) == "hello"
    with pytest.raises(DigestMismatchError):
        read(reader, end)
    assert reader.exit is None


def test_a_whole_journal_is_verified_and_one_joined_in_the_middle_is_not() -> None:
    reader = JournalReader("start")
    events = read(reader, START, printed(1, b"a"), printed(2, b"b", "stderr"), ended(3, b"a", b"b"))
    end = events[-1]
    assert isinstance(end, ExitEvent)
    assert end.verified
    assert end.ok
    late = JournalReader(2)
    assert late.encoding == "utf-8"
    end = read(late, {**START, "next_seq": 2}, {"type": "stdout", "seq": 2, "data": "é"}, ended(3, "xé".encode()))[-1]
    assert isinstance(end, ExitEvent)
    assert not end.verified


def test_what_came_over_the_last_socket_does_not_come_twice() -> None:
    reader = JournalReader("start")
    first = read(reader, START, printed(1, b"a"), printed(2, b"b"))
    assert reader.position == 3
    again = read(reader, {**START, "next_seq": 1}, printed(1, b"a"), printed(2, b"b"), printed(3, b"c"), ended(4, b"abc"))
    assert text(first) + text(again) == "abc"
    assert [event.type for event in again] == ["stdout", "exit"]


def test_a_record_that_is_missing_is_an_error() -> None:
    reader = JournalReader("start")
    read(reader, START, printed(1, b"a"))
    with pytest.raises(UnexpectedAnswerError, match="record 2 was expected, and 3"):
        read(reader, printed(3, b"c"))


def test_another_process_is_an_error() -> None:
    reader = JournalReader("start")
    read(reader, START)
    with pytest.raises(UnexpectedAnswerError, match="pr-2"):
        read(reader, {**START, "id": "pr-2"})


def test_a_gap_counts_its_bytes_and_the_other_stream_is_still_checked() -> None:
    reader = JournalReader("start")
    gap = {"type": "gap", "from_seq": 1, "seq": 4, "stdout_bytes": 100, "stderr_bytes": 0}
    events = read(reader, START, gap, printed(5, b"tail"), printed(6, b"err", "stderr"), ended(7, b"x" * 104, b"err"))
    assert events[1] == GapEvent(1, 4, 100, 0)
    assert isinstance(events[-1], ExitEvent)
    assert not events[-1].verified
    other = JournalReader("start")
    with pytest.raises(DigestMismatchError, match="stderr"):
        read(other, START, gap, printed(5, b"err", "stderr"), ended(6, b"x" * 100, b"ERR"))


def test_a_character_split_over_records_comes_whole_and_its_bytes_as_they_came() -> None:
    content = "a€😀b".encode()
    for cut in range(len(content) + 1):
        reader = JournalReader("start")
        events = read(reader, START, printed(1, content[:cut]), printed(2, content[cut:]), ended(3, content))
        assert text(events) == "a€😀b"
        assert [event.raw for event in events if isinstance(event, StdoutEvent)] == [content[:cut], content[cut:]]


def test_a_character_that_was_never_finished_is_told_at_the_end() -> None:
    reader = JournalReader("start")
    events = read(reader, START, printed(1, b"a\xe2\x82"), ended(2, b"a\xe2\x82"))
    assert text(events) == "a�"
    assert isinstance(events[-1], ExitEvent)
    assert events[-1].verified


def test_messages_that_a_newer_server_sends_are_left_alone() -> None:
    reader = JournalReader("start")
    assert [event.type for event in read(reader, START, {"type": "weather", "data": "rain"}, ended(1, b""))] == ["start", "exit"]


@pytest.mark.parametrize(
    "message",
    [
        {"type": "stdout", "seq": "1", "data": ""},
        {"type": "stdout", "seq": 1, "data": None},
        {"type": "stdout", "seq": 1, "data": "a€"},
        {"type": "exit", "seq": 1},
        {"type": "gap", "seq": 1},
    ],
)
def test_a_malformed_message_is_an_error_of_its_kind(message: dict[str, Any]) -> None:
    reader = JournalReader("start")
    read(reader, START)
    with pytest.raises((UnexpectedAnswerError, DigestMismatchError)):
        read(reader, message)

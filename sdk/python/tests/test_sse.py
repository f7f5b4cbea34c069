from __future__ import annotations

import pytest

from capsuled._core.sse import LINE_BYTES_MAX, EventParser, ServerSentEvent
from capsuled.errors import UnexpectedAnswerError

TEXT = ': hello\nid: 1\ndata: {"a": "é"}\n\nevent: gap\r\ndata: x\r\ndata: y\r\n\r\nid: 7\n: beat\n\ndata: unfinished\n'.encode()
EXPECTED = [
    ServerSentEvent("message", '{"a": "é"}', "1"),
    ServerSentEvent("gap", "x\ny", "1"),
    ServerSentEvent("message", "", "7"),
]


def test_events_are_the_same_however_their_bytes_are_cut() -> None:
    for cut in range(len(TEXT) + 1):
        parser = EventParser()
        assert [*parser.feed(TEXT[:cut]), *parser.feed(TEXT[cut:])] == EXPECTED, cut
    parser = EventParser()
    assert [event for byte in TEXT for event in parser.feed(bytes([byte]))] == EXPECTED


def test_a_line_without_end_is_bounded() -> None:
    parser = EventParser()
    with pytest.raises(UnexpectedAnswerError):
        for _ in range(LINE_BYTES_MAX // 65536 + 2):
            list(parser.feed(b"x" * 65536))

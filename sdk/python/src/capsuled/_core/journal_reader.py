"""Reads a process's journal over any number of sockets: every record once, in order, its digest checked at the end."""

from __future__ import annotations

import base64
import codecs
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from ..stream_events import ExitEvent, GapEvent, StartEvent, StderrEvent, StdoutEvent, StreamEvent
from .decode import decode
from .failures import DigestMismatchError, UnexpectedAnswerError

Begin = Literal["start", "now"] | int


@dataclass(kw_only=True)
class _Stream:
    """What came of one of the two streams so far."""

    decoder: codecs.IncrementalDecoder = field(default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace"))
    digest: Any = field(default_factory=hashlib.sha256)
    count: int = 0
    has_gap: bool = False


class JournalReader:
    """The state of one reader. It knows nothing of sockets: it is given messages and says from where to go on.

    Whole journals are read as base64, so that their digests can be checked and their bytes given; the text is made here.
    One that is joined in the middle is read as text, since only the server knows the character that the record before began.
    """

    def __init__(self, begin: Begin, *, binary: bool = False) -> None:
        self.begin = begin
        self.is_whole = begin in ("start", 1)
        self.encoding: Literal["utf-8", "base64"] = "base64" if self.is_whole or binary else "utf-8"
        self.start: StartEvent | None = None
        self.next_seq: int | None = None
        self.exit: ExitEvent | None = None
        self._streams = {"stdout": _Stream(), "stderr": _Stream()}

    @property
    def position(self) -> Begin:
        """Where the next socket has to begin."""
        return self.begin if self.next_seq is None else self.next_seq

    def take(self, message: dict[str, Any]) -> Iterator[StreamEvent]:
        """The events of one message. What came before over another socket gives none."""
        match message.get("type"):
            case "start":
                yield from self._started(message)
            case "stdout" | "stderr":
                yield from self._printed(message)
            case "gap":
                yield from self._gap(message)
            case "exit":
                yield from self._ended(message)
            case _:
                return  # of a newer server

    def _started(self, message: dict[str, Any]) -> Iterator[StreamEvent]:
        event = decode(StartEvent, message, "start")
        if self.start is None:
            self.start = event
            self.next_seq = event.next_seq
            yield event
        elif event.id != self.start.id:
            raise UnexpectedAnswerError(f"the stream of {self.start.id} went on as that of {event.id}")

    def _printed(self, message: dict[str, Any]) -> Iterator[StreamEvent]:
        seq = count_in(message, "seq")
        first = count_in(message, "first_seq") if "first_seq" in message else seq
        expected = self._expected()
        if seq < expected:
            return  # it came before
        if first < expected or (self.encoding == "base64" and first > expected):
            raise UnexpectedAnswerError(f"record {expected} was expected, and {first} to {seq} came")
        data = message.get("data")
        if not isinstance(data, str):
            raise UnexpectedAnswerError("output without data")
        kind = "stdout" if message["type"] == "stdout" else "stderr"
        stream = self._streams[kind]
        if self.encoding == "base64":
            try:
                raw = base64.b64decode(data, validate=True)
            except ValueError as error:
                raise UnexpectedAnswerError(f"output that should be base64 is not: {error}") from error
            text = stream.decoder.decode(raw)
        else:
            raw, text = data.encode("utf-8", "surrogatepass"), data
        stream.digest.update(raw)
        stream.count += len(raw)
        self.next_seq = seq + 1
        yield _output(kind, text, raw, seq)

    def _gap(self, message: dict[str, Any]) -> Iterator[StreamEvent]:
        event = decode(GapEvent, message, "gap")
        if event.seq < self._expected():
            return
        for kind, count in (("stdout", event.stdout_bytes), ("stderr", event.stderr_bytes)):
            if count > 0:
                yield from self._flush(kind, event.from_seq)
                self._streams[kind].has_gap = True
                self._streams[kind].count += count
        self.next_seq = event.seq + 1
        yield event

    def _ended(self, message: dict[str, Any]) -> Iterator[StreamEvent]:
        seq = count_in(message, "seq")
        for kind in self._streams:
            yield from self._flush(kind, seq)
        verified = [self._verify(kind, message) for kind in ("stdout", "stderr")]
        self.next_seq = seq + 1
        self.exit = decode(ExitEvent, {**message, "verified": all(verified)}, "exit")
        yield self.exit

    def _verify(self, kind: str, message: dict[str, Any]) -> bool:
        stream = self._streams[kind]
        wanted = message.get(f"{kind}_sha256")
        if not self.is_whole:
            return False
        if stream.count != message.get(f"{kind}_bytes"):
            raise DigestMismatchError(
                f"{kind}: {stream.count} bytes came, and the process printed {message.get(f'{kind}_bytes')}"
            )
        if stream.has_gap or wanted is None:
            return False
        if stream.digest.hexdigest() != wanted:
            raise DigestMismatchError(f"{kind}: the bytes that came are not those that the process printed (SHA-256 differs)")
        return True

    def _flush(self, kind: str, seq: int) -> Iterator[StreamEvent]:
        rest = self._streams[kind].decoder.decode(b"", final=True)
        self._streams[kind].decoder.reset()
        if rest:
            yield _output(kind, rest, b"", seq)

    def _expected(self) -> int:
        if self.next_seq is None:
            raise UnexpectedAnswerError("output came before start")
        return self.next_seq


def _output(kind: str, data: str, raw: bytes, seq: int) -> StreamEvent:
    return StdoutEvent(data, raw, seq) if kind == "stdout" else StderrEvent(data, raw, seq)


def count_in(message: Mapping[str, Any], name: str) -> int:
    """A whole number of a message."""
    value = message.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise UnexpectedAnswerError(f"{message.get('type')}: {name} is no number")
    return value

from __future__ import annotations

import base64
import random
from typing import Any

from capsuled._core.stdin_journal import UNTAKEN_BYTES_MAX, StdinJournal


class Server:
    """What a server makes of messages: the bytes that came, each place once."""

    def __init__(self) -> None:
        self.content = b""
        self.is_closed = False

    def take(self, message: dict[str, Any]) -> None:
        assert message["offset"] <= len(self.content), "no hole"
        if message["type"] == "stdin_close":
            assert message["offset"] == len(self.content)
            self.is_closed = True
        else:
            self.content += base64.b64decode(message["data"])[len(self.content) - message["offset"] :]


def test_whatever_is_cut_all_that_was_written_comes_once_and_then_its_end() -> None:
    for seed in range(300):
        dice = random.Random(seed)
        journal, server, written = StdinJournal(), Server(), b""
        journal.begin(0, False)
        for _ in range(dice.randint(0, 30)):
            match dice.choice(["write", "write", "cut", "ack"]):
                case "write":
                    piece = dice.randbytes(dice.randint(1, 20))
                    assert len(journal.append(piece)) == 0
                    written += piece
                case "cut":
                    for message in list(journal.messages())[: dice.randint(0, 3)]:
                        server.take(message)
                    journal.begin(len(server.content), False)
                case _:
                    journal.ack(len(server.content))
        journal.is_closed = True
        server.take(journal.question())
        for message in journal.messages():
            server.take(message)
        assert (server.content, server.is_closed) == (written, True)
        assert list(journal.messages()) == []


def test_what_is_beyond_the_bound_is_given_back_until_the_command_has_taken_some() -> None:
    journal = StdinJournal()
    journal.begin(0, False)
    rest = journal.append(bytes(UNTAKEN_BYTES_MAX + 1000))
    assert (len(rest), journal.room) == (1000, 0)
    journal.ack(400)
    assert len(journal.append(rest)) == 600


def test_what_is_written_a_byte_at_a_time_is_kept_as_few_pieces() -> None:
    journal, server = StdinJournal(), Server()
    journal.begin(0, False)
    for n in range(20_000):
        journal.append(bytes([n % 251]))
        assert len(list(journal.messages())) == 1, "each is sent at once"
    journal.begin(0, False)
    again = list(journal.messages())
    assert len(again) == 1
    server.take(again[0])
    assert server.content == bytes(n % 251 for n in range(20_000))


def test_what_has_no_room_is_given_back_without_a_copy() -> None:
    content = bytes(UNTAKEN_BYTES_MAX * 4)
    journal = StdinJournal()
    journal.begin(0, False)
    rest = journal.append(content)
    assert rest.obj is content
    journal.ack(UNTAKEN_BYTES_MAX)
    assert journal.append(rest).obj is content


def test_what_is_written_while_a_message_is_on_its_way_is_sent_behind_it() -> None:
    journal, server = StdinJournal(), Server()
    journal.begin(0, False)
    journal.append(b"one ")
    for message in journal.messages():
        if not server.content:
            journal.append(b"two")
        server.take(message)
    for message in journal.messages():
        server.take(message)
    assert server.content == b"one two"

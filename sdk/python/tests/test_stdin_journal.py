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
                    assert journal.append(piece) == b""
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

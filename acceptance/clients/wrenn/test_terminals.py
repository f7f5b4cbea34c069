"""Terminals: typed into, resized, killed, left and connected to again."""

from __future__ import annotations

from typing import Any

import pytest


def until(terminal: Any, text: bytes) -> bytes:
    """What a terminal shows until `text` is among it."""
    shown = b""
    for event in terminal:
        if event.type == "output":
            shown += event.data
        if text in shown:
            return shown
        assert event.type not in ("exit", "error"), (event, shown)
    raise AssertionError(f"the terminal ended after {shown!r}")


def test_what_is_typed_is_run_and_its_output_comes_as_bytes(capsule: Any) -> None:
    with capsule.pty(cols=100, rows=30, envs={"WORD": "x"}, cwd="/tmp") as terminal:
        terminal.write(b'echo "$WORD-$PWD-$((6 * 7))-$(stty size)"\n')
        assert b"x-/tmp-42-30 100" in until(terminal, b"-30 100\r\n")
        assert terminal.pid > 0 and terminal.tag.startswith("pty-")
        terminal.resize(120, 40)
        terminal.write(b"stty size\nexit 3\n")
        end = [event for event in terminal if event.type == "exit"]
    assert [event.exit_code for event in end] == [3]


def test_a_terminal_that_is_read_before_it_is_typed_into_shows_its_output_too(capsule: Any) -> None:
    with capsule.pty(cmd="/bin/sh", args=["-c", "printf 'ready\\n'; read word; echo got-$word"]) as terminal:
        until(terminal, b"ready\r\n")
        terminal.write(b"it\n")
        until(terminal, b"got-it\r\n")


def test_a_program_that_ends_by_itself_shows_all_it_printed(capsule: Any) -> None:
    with capsule.pty(cmd="/bin/sh", args=["-c", "seq 1 50000; exit 5"]) as terminal:
        events = list(terminal)
    assert b"".join(event.data for event in events if event.type == "output") == b"".join(b"%d\r\n" % n for n in range(1, 50_001))
    assert (events[-1].type, events[-1].exit_code) == ("exit", 5)


def test_bytes_of_every_kind_reach_the_program(capsule: Any) -> None:
    with capsule.pty(cmd="/bin/sh", args=["-c", "stty raw -echo; echo ready; head -c 256 | sha256sum"]) as terminal:
        until(terminal, b"ready")
        terminal.write(bytes(range(256)))
        until(terminal, b"40aff2e9d2d8922e47afd4648e6967497158785fbd1da870e7110266bf944880")


def test_a_terminal_that_was_left_is_connected_to_by_its_tag_and_shows_what_it_showed(capsule: Any) -> None:
    with capsule.pty() as terminal:
        terminal.write(b"echo be''fore\n")
        until(terminal, b"before\r\n")
        tag = terminal.tag
    with capsule.pty_connect(tag) as again:
        again.write(b"echo af''ter\n")
        shown = until(again, b"after\r\n")
        assert b"before\r\n" in shown
        assert again.tag == tag
        again.kill()
        assert [event.exit_code for event in again if event.type == "exit"] == [137]


def test_a_terminal_that_is_not_there_is_a_fatal_error(capsule: Any) -> None:
    with capsule.pty_connect("pty-00000000") as terminal:
        [event] = list(terminal)
    assert (event.type, event.fatal) == ("error", True)


def test_a_size_of_nothing_is_refused_by_the_client(capsule: Any) -> None:
    with capsule.pty() as terminal:
        with pytest.raises(ValueError):
            terminal.resize(0, 0)
        terminal.kill()

"""Commands: in the foreground, in the background, streamed, listed, attached to, killed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
import wrenn
from faces import Client


def of(events: Iterable[Any], kind: str) -> str:
    return "".join(event.data for event in events if event.type == kind)


def test_a_command_answers_its_outputs_apart_its_exit_code_and_its_time(capsule: Any) -> None:
    result = capsule.commands.run("echo out; echo err >&2; exit 3")
    assert (result.stdout, result.stderr, result.exit_code) == ("out\n", "err\n", 3)
    assert result.duration_ms >= 0


def test_envs_cwd_and_tag_are_applied_in_the_foreground_and_in_the_background(capsule: Any) -> None:
    result = capsule.commands.run('echo "$WORD"; pwd', envs={"WORD": "a b"}, cwd="/tmp", tag="front")
    assert result.stdout == "a b\n/tmp\n"
    handle = capsule.commands.run(
        'while [ ! -e /tmp/go ]; do sleep 0.05; done; echo "$WORD"; pwd',
        background=True,
        envs={"WORD": "c"},
        cwd="/etc",
        tag="behind",
    )
    assert handle.tag == "behind" and handle.capsule_id == capsule.capsule_id
    events = capsule.commands.connect(handle.pid)
    assert next(events).type == "start"
    capsule.commands.run("touch /tmp/go")
    assert of(events, "stdout") == "c\n/etc\n"
    capsule.files.remove("/tmp/go")


def test_output_that_is_no_text_arrives_as_the_client_decodes_it(capsule: Any) -> None:
    result = capsule.commands.run(r"printf '\377\376ok'; printf 'plain' >&2")
    assert (result.stdout, result.stderr) == ("\ufffd\ufffdok", "plain")
    assert capsule.commands.run("head -c 3000000 /dev/zero | tr '\\0' x").stdout == "x" * 3_000_000


def test_without_a_timeout_of_its_own_a_command_ends_by_itself(capsule: Any) -> None:
    assert capsule.commands.run("sleep 0.1; echo done", timeout=None).stdout == "done\n"


def test_a_command_that_runs_into_its_timeout_raises_and_is_gone(capsule: Any) -> None:
    with pytest.raises(wrenn.WrennError) as raised:
        capsule.commands.run("echo begun; sleep 1000", timeout=1, tag="slow")
    assert (raised.value.code, raised.value.status_code) == ("timeout", 504)
    assert "sleep 1000" not in [" ".join(each.args or []) for each in capsule.commands.list()]


def test_a_background_process_is_listed_attached_to_and_killed(capsule: Any) -> None:
    script = "while :; do echo tick; sleep 0.1; done"
    handle = capsule.commands.run(script, background=True)
    [listed] = [each for each in capsule.commands.list() if each.pid == handle.pid]
    assert (listed.tag, listed.cmd, listed.args) == (handle.tag, "/bin/sh", ["-c", script])
    events = capsule.commands.connect(handle.pid)
    start = next(events)
    assert (start.type, start.pid) == ("start", handle.pid)
    assert next(events).data == "tick\n"
    capsule.commands.kill(handle.pid)
    *_, end = events
    assert (end.type, end.exit_code) == ("exit", 137)
    with pytest.raises(wrenn.WrennNotFoundError):
        capsule.commands.kill(handle.pid)


def test_a_stream_begins_with_the_pid_and_ends_with_the_exit_code(capsule: Any) -> None:
    events = list(
        capsule.commands.stream("python3", args=["-c", "import sys; print('out'); print('err', file=sys.stderr); sys.exit(4)"])
    )
    assert events[0].type == "start" and events[0].pid > 0
    assert (of(events, "stdout"), of(events, "stderr")) == ("out\n", "err\n")
    assert (events[-1].type, events[-1].exit_code) == ("exit", 4)
    assert of(capsule.commands.stream("echo $((6 * 7)) | cat"), "stdout") == "42\n"


def test_no_byte_of_a_large_stream_is_missing_and_no_character_is_cut(capsule: Any) -> None:
    assert of(capsule.commands.stream("yes 'täglich €' | head -n 200000"), "stdout") == "täglich €\n" * 200_000


def test_a_program_that_is_not_there_is_an_error_event(capsule: Any) -> None:
    events = list(capsule.commands.stream("no-such-program", args=["x"]))
    assert [event.type for event in events] == ["error"] and "no-such-program" in events[0].data


def test_a_stream_that_is_left_early_leaves_the_connection_usable(client: Client, capsule: Any) -> None:
    events = capsule.commands.stream("yes")
    while next(events).type != "stdout":
        pass
    if client.face == "async":
        # The client's own fault: the end of its generator comes out of it as a group of exceptions.
        with pytest.raises(BaseExceptionGroup):
            events.close()
    else:
        events.close()
    for each in capsule.commands.list():
        if each.args == ["-c", "yes"]:
            capsule.commands.kill(each.pid)
    assert capsule.commands.run("echo on").stdout == "on\n"

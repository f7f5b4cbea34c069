from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from capsuled import AsyncCapsule, Capsule, Client, CommandFailedError, CommandTimeoutError, Process, errors
from capsuled._core import wire

from .behaviours import behaviour
from .cutting_proxy import CuttingProxy

pytestmark = pytest.mark.server
Cutting = Callable[[Iterator[int | None]], CuttingProxy]


def gone(capsule: Capsule, mark: str) -> None:
    """Waits until no process carries this mark."""
    deadline = time.monotonic() + 30
    while any(mark in " ".join(one.args) for one in capsule.commands.list()):
        assert time.monotonic() < deadline, f"{mark} is still there"
        time.sleep(0.05)


def present(capsule: Capsule, mark: str) -> None:
    deadline = time.monotonic() + 30
    while not any(mark in " ".join(one.args) for one in capsule.commands.list()):
        assert time.monotonic() < deadline, f"{mark} never came"
        time.sleep(0.02)


@behaviour("exec.result")
def test_a_command_gives_all_there_is_to_know_and_a_non_zero_exit_is_a_result(capsule: Capsule) -> None:
    result = capsule.commands.run("echo out; echo err >&2; exit 3")
    assert (result.stdout, result.stderr, result.exit_code, result.reason) == ("out\n", "err\n", 3, "exited")
    assert (result.ok, result.signal, result.stdout_bytes, result.stdout_truncated) == (False, None, 4, False)
    assert result.duration_ms >= 0
    killed = capsule.commands.run("kill -9 $$")
    assert (killed.exit_code, killed.reason, killed.signal) == (137, "signaled", "SIGKILL")


@behaviour("exec.or-throw")
def test_a_result_can_be_asked_to_be_an_error_that_carries_it(capsule: Capsule) -> None:
    assert capsule.commands.run("echo fine").or_raise().stdout == "fine\n"
    with pytest.raises(CommandFailedError, match="exit code 4: no such luck") as raised:
        capsule.commands.run("echo no such luck >&2; exit 4").or_raise()
    assert raised.value.result.exit_code == 4


@behaviour("exec.shell")
def test_one_text_is_run_by_a_shell(capsule: Capsule) -> None:
    assert capsule.commands.run("X='a b'; echo \"$X\" | tr a-z A-Z && echo $((1+1))").stdout == "A B\n2\n"


@behaviour("exec.args")
def test_arguments_reach_the_program_as_they_are(capsule: Capsule) -> None:
    args = ["$HOME", "a b", "*", "'", "", "é\n"]
    for result in (capsule.commands.run("printf", ["%s|", *args]), capsule.commands.exec("printf", ["%s|", *args])):
        assert result.stdout == "".join(f"{arg}|" for arg in args)
    assert capsule.commands.run("true", []).ok


@behaviour("exec.surroundings")
def test_variables_directory_and_standard_input_reach_the_command(capsule: Capsule) -> None:
    result = capsule.commands.run('echo "$GREETING $PWD"; cat', envs={"GREETING": "hi"}, cwd="/tmp", stdin="typed é\n")
    assert result.stdout == "hi /tmp\ntyped é\n"
    content = bytes(range(256))
    assert capsule.commands.exec("cat", stdin=content).raw_stdout == content
    with pytest.raises(errors.InvalidRequestError, match="cwd"):
        capsule.commands.run("true", cwd="/nowhere")


@behaviour("exec.not-utf8")
def test_output_that_is_not_utf8_is_exact_as_bytes_and_readable_as_text(capsule: Capsule) -> None:
    result = capsule.commands.run("printf 'a\\377b'; printf 'ok' >&2")
    assert (result.raw_stdout, result.stdout, result.stderr) == (b"a\xffb", "a�b", "ok")


@behaviour("exec.not-found")
def test_a_program_that_does_not_exist_is_a_result(capsule: Capsule) -> None:
    result = capsule.commands.exec("no-such-program")
    assert (result.exit_code, result.reason, result.pid) == (127, "spawn_failed", None)
    assert "no-such-program" in result.stderr
    handle = capsule.commands.run("no-such-program", [], background=True)
    assert handle.wait().exit_code == 127


@behaviour("exec.timeout")
def test_a_command_that_runs_into_its_timeout_is_killed_and_tells_what_it_printed(capsule: Capsule) -> None:
    with pytest.raises(CommandTimeoutError) as raised:
        capsule.commands.run("echo before; sleep 987654", timeout=2)
    assert raised.value.details["stdout"] == "before\n"
    assert raised.value.details["reason"] == "timed_out"
    gone(capsule, "987654")
    with pytest.raises(errors.SettingsError, match="timeout"):
        capsule.commands.run("true", timeout=0)


@behaviour("exec.long")
def test_a_command_that_takes_longer_than_an_http_client_waits_is_waited_for(
    server_url: str, capsule: Capsule, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wire, "POLL_S", 0.1)
    with Client(url=server_url, answer_timeout=2, retries=0) as hasty:
        result = Capsule.connect(capsule.id, client=hasty).commands.run(
            "sleep 5; echo once >> /tmp/long; cat /tmp/long", timeout=60
        )
    assert result.stdout == "once\n"


@behaviour("exec.abort")
def test_a_command_whose_caller_gives_up_is_killed(server_url: str, capsule: Capsule) -> None:
    async def cancelled() -> None:
        mine = await AsyncCapsule.connect(capsule.id, url=server_url)
        try:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(mine.commands.run("sleep 654321", timeout=None), 1)
        finally:
            await mine.aclose()

    asyncio.run(cancelled())
    gone(capsule, "654321")

    interrupted = threading.Timer(1, lambda: signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT))
    interrupted.start()
    with pytest.raises(KeyboardInterrupt):
        capsule.commands.run("sleep 754321", timeout=None)
    gone(capsule, "754321")


@behaviour("exec.exactly-once")
def test_a_command_whose_answer_is_cut_off_runs_once_and_its_result_comes_whole(capsule: Capsule, cutting: Cutting) -> None:
    for budget in (0, 1, 150, 400, 900):
        proxy = cutting(iter([budget, None]))
        with Client(url=proxy.url) as through:
            # The connection is made by the command itself.
            commands = type(capsule.commands)(through.transport, capsule.id)
            result = commands.run(f"echo x >> /tmp/once-{budget}; wc -l < /tmp/once-{budget}; seq 100")
        assert proxy.cuts == 1
        assert result.stdout == "1\n" + "".join(f"{n}\n" for n in range(1, 101))


@behaviour("background.handle")
def test_a_background_command_gives_its_handle_at_once(capsule: Capsule) -> None:
    handle = capsule.commands.run("sleep 30", background=True)
    assert handle.pid > 0
    assert handle.tag.startswith("bg-")
    assert handle.id.startswith("pr-")
    named = capsule.commands.run("sleep", args=["30"], background=True, tag="mine")
    assert named.tag == "mine"
    with pytest.raises(errors.TagInUseError):
        capsule.commands.run("true", background=True, tag="mine")
    handle.kill()
    named.kill()


@behaviour("background.wait")
def test_waiting_on_a_handle_gives_what_a_foreground_command_would_have(capsule: Capsule) -> None:
    result = capsule.commands.run("seq 200000; echo err >&2; exit 5", background=True).wait()
    assert (result.exit_code, result.reason, result.stderr) == (5, "exited", "err\n")
    assert result.raw_stdout == b"".join(b"%d\n" % n for n in range(1, 200001))
    long = capsule.commands.run("head -c 20000000 /dev/zero", background=True).wait()
    assert (long.stdout_bytes, len(long.raw_stdout), long.stdout_truncated) == (20_000_000, 16 * 1024 * 1024, True)
    slow = capsule.commands.run("sleep 30", background=True)
    with pytest.raises(errors.ClientTimeoutError):
        slow.wait(timeout=0.2)
    assert slow.info().running
    slow.kill()
    assert slow.wait().reason == "killed"


@behaviour("background.kill")
def test_a_background_command_is_killed_with_its_tree_by_handle_pid_or_tag(capsule: Capsule) -> None:
    commands = capsule.commands
    ways: tuple[Callable[[Process], None], ...] = (
        lambda handle: handle.kill(),
        lambda handle: commands.kill(pid=handle.pid),
        lambda handle: commands.kill(handle.tag),
    )
    for number, kill in enumerate(ways):
        mark = f"5432{number}0"
        handle = commands.run(f"(setsid sleep {mark} &) ; sleep {mark}", background=True)
        present(capsule, mark)
        kill(handle)
        end = handle.wait()
        assert (end.exit_code, end.reason, end.signal) == (137, "killed", "SIGKILL")
        gone(capsule, mark)
        with pytest.raises(errors.NotFoundError):
            kill(handle)
    polite = commands.run("trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done", background=True)
    for event in polite.stream():
        if event.type == "stdout" and "ready" in event.data:
            polite.kill(signal="SIGTERM")
    assert polite.wait().stdout == "ready\nbye\n"


@behaviour("background.list")
def test_listing_gives_the_processes_with_pid_tag_command_and_arguments(capsule: Capsule) -> None:
    handle = capsule.commands.run("sleep", ["31"], background=True, tag="listed")
    found = [one for one in capsule.commands.list() if one.id == handle.id]
    assert [(one.pid, one.tag, one.cmd, one.args) for one in found] == [(handle.pid, "listed", "sleep", ("31",))]
    handle.kill()


@behaviour("background.connect")
def test_a_process_is_attached_to_by_pid_tag_or_id_from_anywhere(capsule: Capsule) -> None:
    capsule.commands.run("rm -f /tmp/go; mkfifo /tmp/go")
    handle = capsule.commands.run("echo first; read line < /tmp/go; echo second", background=True, tag="pipe")
    for event in handle.stream():
        if event.type == "stdout":
            break
    seen = []
    for selector in (handle.pid, "pipe", handle.id):
        with capsule.commands.connect(selector) as stream:
            assert next(iter(stream)).type == "start"
            seen.append(stream.next_seq)
    assert seen == [2, 2, 2]
    with capsule.commands.connect(handle.pid) as now:
        assert next(iter(now)).type == "start"
        capsule.commands.run("echo > /tmp/go")
        assert "".join(event.data for event in now if event.type == "stdout") == "second\n"
    whole = [event.data for event in capsule.commands.connect(handle.id, begin="start") if event.type == "stdout"]
    assert "".join(whole) == "first\nsecond\n"
    late = [event.data for event in capsule.commands.connect(handle.id, begin=2) if event.type == "stdout"]
    assert "".join(late) == "second\n"
    for selector, begin, error in ((4_000_000, "now", errors.NotFoundError), (handle.id, 99, errors.InvalidOffsetError)):
        with pytest.raises(error):
            next(iter(capsule.commands.connect(selector, begin=begin)))  # type: ignore[arg-type]


@behaviour("background.ended")
def test_a_process_that_has_ended_is_attached_to_with_output_and_exit(capsule: Capsule) -> None:
    handle = capsule.commands.run("echo done; exit 6", background=True)
    handle.wait()
    events = list(capsule.commands.connect(handle.id, begin="start"))
    assert [event.type for event in events] == ["start", "stdout", "exit"]
    facts = capsule.commands.get(handle.tag)
    assert (facts.running, facts.exit_code, facts.reason, facts.cmd) == (False, 6, "exited", "/bin/sh")


@behaviour("background.output")
def test_the_output_of_a_process_is_read_by_offset(capsule: Capsule) -> None:
    handle = capsule.commands.run("seq 300000; printf 'e\\377' >&2", background=True)
    handle.wait()
    expected = b"".join(b"%d\n" % n for n in range(1, 300001))
    assert handle.output() == expected
    assert handle.output(stream="stderr") == b"e\xff"
    assert handle.output(offset=1_000_001, limit=1_048_577) == expected[1_000_001 : 1_000_001 + 1_048_577]
    assert capsule.commands.output(handle.tag, limit=10) == expected[:10]
    pages = list(capsule.commands.pages(handle.id))
    assert (len(pages), pages[-1].ended, pages[-1].next) == (2, True, len(expected))

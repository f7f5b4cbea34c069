from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from capsuled import Capsule, Client, errors
from capsuled._sync.terminal import open_terminal
from capsuled.terminal_events import TerminalEvent, TerminalExitEvent, TerminalOutputEvent

from .behaviours import behaviour
from .cutting_proxy import CuttingProxy
from .test_commands import present

pytestmark = pytest.mark.server
Cutting = Callable[[Iterator[int | None]], CuttingProxy]


def shown(events: list[TerminalEvent]) -> bytes:
    return b"".join(event.raw for event in events if isinstance(event, TerminalOutputEvent))


@behaviour("terminal.session")
def test_a_terminal_takes_keys_and_sizes_and_tells_its_end(capsule: Capsule) -> None:
    with capsule.pty("/bin/sh", cols=100, rows=30, envs={"PS1": "$ "}) as terminal:
        terminal.read_until(b"$ ")
        terminal.write("stty size; tty\r")
        assert b"30 100\r\n/dev/pts/" in terminal.read_until(b"/dev/pts/")
        terminal.resize(132, 43)
        terminal.write("stty size\r")
        terminal.read_until(b"43 132")
        terminal.write("sleep 98765\r")
        present(capsule, "98765")
        terminal.write(b"\x03")
        terminal.write("exit 9\r")
        end = terminal.wait()
    assert (end.exit_code, end.reason) == (9, "exited")
    with capsule.pty("/bin/sh", ["-c", "echo up; sleep 100"]) as killed:
        killed.read_until(b"up")
        killed.kill()
        assert killed.wait().signal == "SIGKILL"


@behaviour("terminal.resume")
def test_a_terminal_that_is_cut_goes_on_by_itself(capsule: Capsule, cutting: Cutting) -> None:
    script = "stty raw -echo; i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo line $i; sleep 0.002; done; exit 5"
    proxy = cutting(iter([0, 250, 400, 900, 3000, 5000, None]))
    with Client(url=proxy.url) as through:
        terminal = open_terminal(through.transport, capsule.id, {"cmd": "/bin/sh", "args": ["-c", script]})
        events = list(terminal)
    assert shown(events).replace(b"\r", b"") == b"".join(b"line %d\n" % n for n in range(1, 401))
    assert isinstance(events[-1], TerminalExitEvent)
    assert events[-1].exit_code == 5
    assert sum(event.type == "started" for event in events) == 1
    assert proxy.cuts >= 4


@behaviour("terminal.connect")
def test_a_terminal_that_is_there_is_connected_to_by_its_tag(capsule: Capsule) -> None:
    with capsule.pty("/bin/sh", tag="shared", envs={"PS1": "$ "}) as terminal:
        terminal.read_until(b"$ ")
        terminal.write("echo before$((1+1))\r")
        terminal.read_until(b"before2\r\n")
    with capsule.pty_connect("shared") as again:
        again.read_until(b"before2\r\n")
        again.write("exit 3\r")
        assert again.wait().exit_code == 3
    with pytest.raises(errors.TerminalNotFoundError):
        list(capsule.pty_connect("no-such-terminal"))
    with pytest.raises(errors.ApiError) as raised:
        list(capsule.pty("/no/such/program"))
    assert raised.value.code == "spawn_failed"

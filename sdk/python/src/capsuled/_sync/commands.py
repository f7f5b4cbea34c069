# Made by tools/make_sync.py from _async/commands.py. Do not change it by hand.
"""Runs commands in a capsule, and reads, ends and attaches to its processes."""

from __future__ import annotations

import base64
import hashlib
import math
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, overload

from .._contract.models import ExecResult, ExecStarted, OutputPage, ProcessFacts, ProcessInfo
from .._core.decode import decode, list_in
from .._core.failures import SettingsError
from .._core.journal_reader import Begin, JournalReader
from .._core.program import program_of
from .._core.request import make_request, new_key
from ..results import CommandResult, result_of
from .end_process import end_process
from .output import OutputStream, read_output, read_pages
from .process import Process
from .process_stream import ProcessStream, attach
from .transport import Transport

# Seconds until a foreground command is killed, where nothing else is said.
TIMEOUT_S = 30.0

Signal = Literal["SIGKILL", "SIGTERM"]
Selector = int | str


class Commands:
    """The commands of one capsule: `capsule.commands`."""

    def __init__(self, transport: Transport, capsule_id: str) -> None:
        self._transport = transport
        self._capsule_id = capsule_id

    @overload
    def run(
        self,
        cmd: str,
        args: Sequence[str] | None = None,
        *,
        background: Literal[False] = False,
        timeout: float | None = TIMEOUT_S,
        envs: Mapping[str, str] | None = None,
        cwd: str | None = None,
        tag: str | None = None,
        stdin: str | bytes | None = None,
        busy: bool | None = None,
        idempotency_key: str | None = None,
    ) -> CommandResult: ...

    @overload
    def run(
        self,
        cmd: str,
        args: Sequence[str] | None = None,
        *,
        background: Literal[True],
        timeout: float | None = None,
        envs: Mapping[str, str] | None = None,
        cwd: str | None = None,
        tag: str | None = None,
        stdin: None = None,
        busy: bool | None = None,
        idempotency_key: str | None = None,
    ) -> Process: ...

    def run(
        self,
        cmd: str,
        args: Sequence[str] | None = None,
        *,
        background: bool = False,
        timeout: Any = ...,
        envs: Mapping[str, str] | None = None,
        cwd: str | None = None,
        tag: str | None = None,
        stdin: str | bytes | None = None,
        busy: bool | None = None,
        idempotency_key: str | None = None,
    ) -> CommandResult | Process:
        """Runs a command: waits for its end, or leaves it in the background.

        Without `args` the command is a line for a shell (`/bin/sh -c`); with them, even an empty list, it is a program
        and gets them as they are.

        Args:
            cmd: The line, or the program: a path, or a name looked up in PATH.
            args: The program's arguments.
            background: Give a handle at once, and let it run.
            timeout: Seconds until its whole process tree is killed; None is never. A background command has none by
                default. At most a week.
            envs: Variables on top of the capsule's own.
            cwd: The working directory; the home directory by default.
            tag: Your name for the process, unique among the capsule's live ones.
            stdin: What it reads from standard input, at most 2 MiB; foreground only.
            busy: Background only: it counts as activity while it runs.
            idempotency_key: Your name for this command, or the one that an error carries whose answer never came: by the
                same name it does not run again, and the first one's result is given.

        Returns:
            A `CommandResult` with a non-zero exit as a fact (`or_raise()` makes it an error), or an `Process`.

        Raises:
            CommandTimeoutError: It ran into `timeout`; `details` holds what it had printed.
            NotFoundError: The capsule does not exist.
            InvalidStateError: The capsule does not run.

        A foreground command belongs to its caller: when the caller gives up (an interrupt, a cancellation), it is
        killed. When the connection breaks, its answer is asked for again, and it does not run a second time.
        """
        program, arguments = program_of(cmd, args)
        if background:
            limit = None if timeout is ... else seconds(timeout)
            return self._start(program, arguments, limit, envs, cwd, tag, busy, idempotency_key)
        foreground = seconds(TIMEOUT_S if timeout is ... else timeout)
        return self._run(program, arguments, foreground, envs, cwd, tag, stdin, idempotency_key)

    def exec(
        self,
        cmd: str,
        args: Sequence[str] = (),
        *,
        timeout: float | None = TIMEOUT_S,
        envs: Mapping[str, str] | None = None,
        cwd: str | None = None,
        tag: str | None = None,
        stdin: str | bytes | None = None,
    ) -> CommandResult:
        """Runs a program with its arguments, without a shell, to its end: `run(cmd, args)`."""
        program, arguments = program_of(cmd, args)
        return self._run(program, arguments, seconds(timeout), envs, cwd, tag, stdin)

    def stream(
        self,
        cmd: str,
        args: Sequence[str] | None = None,
        *,
        timeout: float | None = None,
        envs: Mapping[str, str] | None = None,
        cwd: str | None = None,
        tag: str | None = None,
        stdin: bool = False,
        keep_running: bool = False,
    ) -> ProcessStream:
        """Runs a command and gives its events as they come: `start`, `stdout`, `stderr`, `exit`.

        As with `run`, the command is a line for a shell unless `args` are given. It starts with the first iteration,
        or with `with`. See `ProcessStream` for what a cut and an early leave mean.

        Args:
            stdin: Keep standard input open for `write_stdin`; otherwise it is /dev/null.
            keep_running: Let the command go on when the stream is left before its end.

        Raises (while it is iterated over):
            SpawnFailedError: The program cannot be started.
            CwdNotFoundError: There is no such working directory.
        """
        program, arguments = program_of(cmd, args)
        reader = JournalReader("start")
        start = {
            "type": "start",
            "cmd": program,
            "args": arguments,
            "envs": dict(envs) if envs is not None else None,
            "cwd": cwd,
            "tag": tag or f"bg-{secrets.token_hex(4)}",
            "timeout": seconds(timeout),
            "stdin": stdin,
            "encoding": reader.encoding,
            "idempotency_key": new_key(),
        }
        return ProcessStream(self._transport, self._capsule_id, reader, start=start, ends_process=not keep_running)

    def connect(self, selector: Selector, *, begin: Begin = "now", binary: bool = False) -> ProcessStream:
        """Attaches to a process by its pid, tag or id, also to one that has ended and is still kept.

        Args:
            begin: `now`, `start`, or the number of the first record that is to come (`next_seq` of another stream).
            binary: Give exact bytes in `raw` also where the stream is joined in the middle.
        """
        return attach(self._transport, self._capsule_id, str(selector), begin, binary=binary)

    def list(self) -> list[ProcessInfo]:
        """Gives every process in the capsule, also those that were not started through the API."""
        answer = self._transport.json(make_request("listProcesses", params={"id": self._capsule_id}))
        return list_in(ProcessInfo, answer, "processes")

    def get(self, selector: Selector) -> ProcessFacts:
        """One process, running or ended, with the facts of its end."""
        return self._transport.get(make_request("getProcess", params=self._at(selector)), ProcessFacts)

    def kill(self, pid: Selector, *, signal: Signal = "SIGKILL") -> None:
        """Signals a process, by its pid, tag or id, and its whole tree.

        Raises:
            NotFoundError: It has ended, or never was.
        """
        request = make_request("killProcess", params=self._at(pid), query={"signal": signal})
        self._transport.call(request)

    def output(self, selector: Selector, *, stream: OutputStream = "stdout", offset: int = 0, limit: int | None = None) -> bytes:
        """What a process has printed on one of its streams so far, from an offset in bytes, at most `limit` bytes or 16 MiB.

        Raises:
            ResultExpiredError: It has ended, and its output is not kept any more.
        """
        return read_output(self._transport, "getProcessOutput", self._at(selector), stream, offset, limit)

    def pages(
        self, selector: Selector, *, stream: OutputStream = "stdout", offset: int = 0, limit: int | None = None
    ) -> Iterator[OutputPage]:
        """As `output`, at most 1 MiB at a time; a page's `gap_bytes` says what is not kept any more."""
        return read_pages(self._transport, "getProcessOutput", self._at(selector), stream, offset, limit)

    def _run(
        self,
        program: str,
        arguments: Sequence[str],
        limit: int,
        envs: Mapping[str, str] | None,
        cwd: str | None,
        tag: str | None,
        stdin: str | bytes | None,
        idempotency_key: str | None = None,
    ) -> CommandResult:
        key = idempotency_key or new_key()
        # The same in a repeat by the same name, which has to say the same.
        known = tag or f"run-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
        body = {
            "cmd": program,
            "args": arguments,
            "envs": dict(envs) if envs is not None else None,
            "cwd": cwd,
            "tag": known,
            "timeout": limit,
            "stdin": _stdin_text(stdin),
            "stdin_encoding": "base64" if isinstance(stdin, bytes) else None,
        }
        request = make_request("exec", params={"id": self._capsule_id}, body=body, idempotency_key=key, waits=limit or None)
        try:
            answer = self._transport.get(request, ExecResult)
        except Exception:
            raise
        except BaseException:
            # The caller gives up: an interrupt or a cancellation. The command is named, so it would go on.
            end_process(self._transport, self._capsule_id, known, is_starting=True)
            raise
        return result_of(answer)

    def _start(
        self,
        program: str,
        arguments: Sequence[str],
        limit: int | None,
        envs: Mapping[str, str] | None,
        cwd: str | None,
        tag: str | None,
        busy: bool | None,
        idempotency_key: str | None,
    ) -> Process:
        body: dict[str, Any] = {
            "cmd": program,
            "args": arguments,
            "envs": dict(envs) if envs is not None else None,
            "cwd": cwd,
            "tag": tag,
            "timeout": limit,
            "background": True,
            "busy": busy,
        }
        request = make_request("exec", params={"id": self._capsule_id}, body=body, idempotency_key=idempotency_key)
        answer = self._transport.json(request)
        if isinstance(answer, dict) and answer.get("reason") == "spawn_failed":
            return Process(self._transport, self._capsule_id, result=result_of(decode(ExecResult, answer)))
        return Process(self._transport, self._capsule_id, started=decode(ExecStarted, answer))

    def _at(self, selector: Selector) -> dict[str, str]:
        return {"id": self._capsule_id, "selector": str(selector)}


def seconds(timeout: float | None) -> int:
    """Whole seconds as the API counts them: 0 is no timeout, and a part of a second is a whole one."""
    if timeout is None:
        return 0
    if not timeout > 0 or math.isinf(timeout):
        raise SettingsError(f"timeout must be more than 0 seconds and is {timeout}; None is no timeout.")
    return math.ceil(timeout)


def _stdin_text(stdin: str | bytes | None) -> str | None:
    return base64.b64encode(stdin).decode() if isinstance(stdin, bytes) else stdin

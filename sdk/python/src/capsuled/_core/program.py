"""What of a command is a program, and what its arguments."""

from __future__ import annotations

from collections.abc import Sequence


def program_of(cmd: str, args: Sequence[str] | None) -> tuple[str, list[str]]:
    """The program and its arguments; without `args` the command is a line for a shell.

    Raises:
        TypeError: `args` is one text: its letters would be the arguments.
    """
    if isinstance(args, (str, bytes)):
        raise TypeError("args is a list of texts, one for each argument: ['-l', '/tmp'], not '-l /tmp'")
    return (cmd, list(args)) if args is not None else ("/bin/sh", ["-c", cmd])

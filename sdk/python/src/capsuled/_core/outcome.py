"""How a command ended."""

from __future__ import annotations

from typing import TypeVar

from .failures import CommandFailedError

T = TypeVar("T", bound="Outcome")

# Characters of stderr in the text of an error.
STDERR_SHOWN_MAX = 2000


class Outcome:
    """A non-zero exit is a result, not an error, until `or_raise` is asked."""

    exit_code: int
    reason: str
    signal: str | None

    @property
    def ok(self) -> bool:
        """Whether it exited with 0, by itself."""
        return self.exit_code == 0 and self.reason == "exited"

    def _told(self) -> str:
        return ""

    def or_raise(self: T) -> T:
        """Gives itself where `ok`, else raises `CommandFailedError`, which carries it."""
        if self.ok:
            return self
        why = "" if self.reason == "exited" else f" ({self.reason}{'' if self.signal is None else f', {self.signal}'})"
        told = self._told().strip()[-STDERR_SHOWN_MAX:]
        raise CommandFailedError(self, f"The command ended with exit code {self.exit_code}{why}{f': {told}' if told else '.'}")

"""The errors that this SDK raises; those of the API's catalogue are made from its table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .outcome import Outcome


class CapsuledError(Exception):
    """The base of every error that this SDK raises.

    Attributes:
        idempotency_key: Set where no answer told what became of a request, which may have been done: the same call with it
            tells what it has come to, a capsule that was made included, and does nothing twice. For 24 hours.
    """

    idempotency_key: str | None = None

    def leave_open(self, key: str) -> None:
        """Says by which name the request can be asked for again."""
        self.idempotency_key = key
        said = (
            f"What was asked may have been done all the same: asked again with the Idempotency-Key {key}, it is not done twice."
        )
        self.args = (f"{self} {said}", *self.args[1:])


class SettingsError(CapsuledError, ValueError):
    """What the SDK was told is missing or makes no sense: a key, a URL, an argument."""


class ApiError(CapsuledError):
    """The server answered with an error. Each code has a class of its own; a code of a newer server is of this one.

    Attributes:
        code: What happened, for programs.
        message: What happened, for people.
        status: The HTTP status, or None for an error that came over a socket.
        details: Facts beside the code, e.g. `problems`.
        request_id: Names the request in the server's log.
    """

    def __init__(
        self,
        code: str,
        message: str,
        *,
        status: int | None = None,
        details: Mapping[str, Any] | None = None,
        request_id: str | None = None,
    ) -> None:
        self.code = code
        self.message = message
        self.status = status
        self.details: Mapping[str, Any] = details or {}
        self.request_id = request_id
        super().__init__(f"{message} [{code}{'' if request_id is None else f', {request_id}'}]")

    @property
    def problems(self) -> tuple[tuple[str, str], ...]:
        """Each bad field of the request, with what is wrong with it."""
        found = self.details.get("problems")
        if not isinstance(found, list):
            return ()
        return tuple((str(one.get("field", "")), str(one.get("message", ""))) for one in found if isinstance(one, dict))


class ConnectionFailedError(CapsuledError, ConnectionError):
    """No server answered at the URL, or the connection broke and could not be mended in time.

    Attributes:
        was_reached: Whether something took the connection, so that trying again is worth more.
    """

    def __init__(self, message: str, *, was_reached: bool = True) -> None:
        self.was_reached = was_reached
        super().__init__(message)


class ClientTimeoutError(CapsuledError, TimeoutError):
    """What was waited for did not come within the time that the caller, or this SDK, gives it.

    Attributes:
        was_reached: Whether something took the connection.
    """

    def __init__(self, message: str, *, was_reached: bool = True) -> None:
        self.was_reached = was_reached
        super().__init__(message)


class UnexpectedAnswerError(CapsuledError):
    """What answered is not a capsuled server, or one of another version.

    Attributes:
        status: The HTTP status, where there was one.
        beginning: The first characters of the answer.
    """

    def __init__(self, message: str, *, status: int | None = None, beginning: str = "") -> None:
        self.status = status
        self.beginning = beginning
        super().__init__(message)


class DigestMismatchError(CapsuledError):
    """The bytes that came are not those that the process printed."""


class StdinLostError(CapsuledError):
    """The connection was cut while standard input was open; how much of what was written arrived is not known."""


class CommandFailedError(CapsuledError):
    """A command did not exit with 0. `result` has all there is to know of it."""

    def __init__(self, result: Outcome, message: str) -> None:
        self.result = result
        super().__init__(message)

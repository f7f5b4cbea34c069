"""What the version of a server means: what it does not know, and which of both is to be updated."""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping

from .._contract.operations import API_VERSION, NO_SUCH_PATH, VERSION_HEADER, Operation
from .failures import ApiError, CapsuledError, UnexpectedAnswerError


class ServerVersionWarning(UserWarning):
    """The server is of a version that may not understand this SDK."""


def version_of(headers: Mapping[str, str]) -> str | None:
    """The version that a server says it has."""
    said = headers.get(VERSION_HEADER)
    return said if said is not None and re.match(r"\d+\.\d+\.\d+", said) else None


def _numbers(version: str) -> tuple[int, int, int]:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    assert found is not None
    return int(found[1]), int(found[2]), int(found[3])


def is_older(server: str | None) -> bool:
    """Whether a server is older than this SDK."""
    return server is not None and _numbers(server) < _numbers(API_VERSION)


def is_incompatible(server: str) -> bool:
    """Whether it may not understand this SDK: what is not 0.x breaks with its first number, what is with its second."""
    own, other = _numbers(API_VERSION), _numbers(server)
    return own[0] != other[0] or (own[0] == 0 and own[1] != other[1])


def warn_of(server: str, url: str) -> None:
    """Tells of a server that may not understand this SDK."""
    if is_incompatible(server):
        warnings.warn(
            f"{_origin(server, url)}: they may not understand each other. {_mend(server)}", ServerVersionWarning, stacklevel=2
        )


def explained(error: CapsuledError, operation: Operation, server: str | None, url: str) -> CapsuledError:
    """The error of an operation, or what it means where the server is of another version."""
    if isinstance(error, ApiError):
        if _is_unknown(error, operation, server):
            return UnexpectedAnswerError(_unknown(operation, server, url), status=error.status)
        if error.code == "invalid_request" and is_older(server):
            error.args = (f"{error.args[0]} {_origin(server, url)} and may not know all that it is asked for. {_mend(server)}",)
        return error
    if isinstance(error, UnexpectedAnswerError) and server is not None and server != API_VERSION:
        error.args = (f"{error.args[0]} {_origin(server, url)}. {_mend(server)}",)
    return error


def _is_unknown(error: ApiError, operation: Operation, server: str | None) -> bool:
    if error.code == "not_found":
        return error.details.get("reason") == NO_SUCH_PATH or (
            server is not None and _numbers(server) < _numbers(operation.since)
        )
    # An endpoint says itself which methods it takes.
    is_other = server is not None and _numbers(server) != _numbers(API_VERSION)
    return error.code == "method_not_allowed" and operation.id != "callEndpoint" and is_other


def _unknown(operation: Operation, server: str | None, url: str) -> str:
    what = f"{operation.id} ({operation.method} {operation.path})"
    if server is None or _numbers(server) == _numbers(API_VERSION):
        return (
            f"The server at {url} does not know {what}, though it should: "
            "check that CAPSULED_URL, or url, is its address and nothing more, and what stands before it."
        )
    if is_older(server):
        needs = f"which needs {operation.since}"
        return f"The server at {url} is of version {server} and does not know {what}, {needs}: update the server."
    asks = f"which this SDK of version {API_VERSION} asks for"
    return f"The server at {url} is of version {server} and does not know {what} any more, {asks}: update the SDK."


def _origin(server: str | None, url: str) -> str:
    return f"The server at {url} is of version {server} and this SDK of {API_VERSION}"


def _mend(server: str | None) -> str:
    return f"Update the {'server' if is_older(server) else 'SDK'}."

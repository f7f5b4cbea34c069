"""Every error that this package raises, each a `CapsuledError`."""

from ._contract import errors as _catalogue
from ._contract.errors import *  # noqa: F403
from ._core.failures import (
    ApiError,
    CapsuledError,
    ClientTimeoutError,
    CommandFailedError,
    ConnectionFailedError,
    DigestMismatchError,
    SettingsError,
    StdinLostError,
    UnexpectedAnswerError,
)
from ._core.server_version import ServerVersionWarning

__all__ = [
    "ApiError",
    "CapsuledError",
    "ClientTimeoutError",
    "CommandFailedError",
    "ConnectionFailedError",
    "DigestMismatchError",
    "ServerVersionWarning",
    "SettingsError",
    "StdinLostError",
    "UnexpectedAnswerError",
]
__all__ += _catalogue.__all__

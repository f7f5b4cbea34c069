"""Run commands in isolated Linux capsules, and stream what they print.

    from capsuled import Capsule

    with Capsule(wait=True) as capsule:
        print(capsule.commands.run("echo hello").stdout)

`AsyncCapsule` and `AsyncClient` are the same with `await`. Settings come from `CAPSULED_URL` and `CAPSULED_API_KEY`.
"""

from . import errors, models
from ._async.capsule import AsyncCapsule
from ._async.client import AsyncClient
from ._async.process import AsyncProcess
from ._async.process_stream import AsyncProcessStream
from ._async.terminal import AsyncTerminal
from ._sync.capsule import Capsule
from ._sync.client import Client
from ._sync.process import Process
from ._sync.process_stream import ProcessStream
from ._sync.terminal import Terminal
from ._version import __version__
from .errors import ApiError, CapsuledError, CommandFailedError, CommandTimeoutError
from .results import CommandResult

__all__ = [
    "ApiError",
    "AsyncCapsule",
    "AsyncClient",
    "AsyncProcess",
    "AsyncProcessStream",
    "AsyncTerminal",
    "Capsule",
    "CapsuledError",
    "Client",
    "CommandFailedError",
    "CommandResult",
    "CommandTimeoutError",
    "Process",
    "ProcessStream",
    "Terminal",
    "__version__",
    "errors",
    "models",
]

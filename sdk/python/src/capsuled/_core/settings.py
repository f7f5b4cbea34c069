"""Which server, which key, and how long to wait for what."""

from __future__ import annotations

import math
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, urlsplit

from .failures import SettingsError

DEFAULT_URL = "http://127.0.0.1:8080"
# Seconds to connect, and between two bytes of an answer.
CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 30.0
# Repeats of one request, and seconds for which a cut stream is tried again without a word from the server.
RETRIES = 5
RECONNECT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Where the server is and how patient this client is.

    Attributes:
        url: The server's base URL, without a slash at its end.
        api_key: A team's key, or None where there is none.
        connect_timeout: Seconds until a connection must stand.
        answer_timeout: Seconds that a server may take to answer, beyond what it was asked to wait.
        retries: How often a request is repeated where that is safe.
        reconnect_timeout: Seconds for which a stream that was cut is tried again without a word from the server.
        ssl_context: For https with a certificate of one's own.
    """

    url: str
    api_key: str | None = field(repr=False)
    connect_timeout: float = CONNECT_TIMEOUT_S
    answer_timeout: float = ANSWER_TIMEOUT_S
    retries: int = RETRIES
    reconnect_timeout: float = RECONNECT_S
    ssl_context: ssl.SSLContext | None = None

    def websocket_url(self, path: str) -> str:
        """The URL of a socket: `ws` for `http`, `wss` for `https`."""
        return f"ws{self.url.removeprefix('http')}{path}"

    def key_for(self, operation: str) -> str:
        """The key, for an operation that needs one."""
        if self.api_key is None:
            raise SettingsError(
                f"{operation} needs an API key: set CAPSULED_API_KEY, or give api_key. "
                "The server writes its first key to the file admin-key in its data directory; "
                "further ones are made by client.keys.create()."
            )
        return self.api_key


def resolve_settings(
    *,
    url: str | None = None,
    api_key: str | None = None,
    connect_timeout: float | None = None,
    answer_timeout: float | None = None,
    retries: int | None = None,
    reconnect_timeout: float | None = None,
    ssl_context: ssl.SSLContext | None = None,
    environment: Mapping[str, str] | None = None,
) -> Settings:
    """What is given wins over `CAPSULED_URL` and `CAPSULED_API_KEY`; the server is on this machine by default."""
    env = os.environ if environment is None else environment
    key = api_key if api_key is not None else env.get("CAPSULED_API_KEY") or None
    if key is not None and not (key.isascii() and key.isprintable() and key == key.strip() and key):
        raise SettingsError("The API key holds characters that no key has; a key is wrn_ and 40 hex digits.")
    return Settings(
        url=_checked_url(url if url is not None else env.get("CAPSULED_URL") or DEFAULT_URL),
        api_key=key,
        connect_timeout=_seconds("connect_timeout", connect_timeout, CONNECT_TIMEOUT_S),
        answer_timeout=_seconds("answer_timeout", answer_timeout, ANSWER_TIMEOUT_S),
        retries=_retries(retries),
        reconnect_timeout=_seconds("reconnect_timeout", reconnect_timeout, RECONNECT_S, least=0.0, most=math.inf),
        ssl_context=ssl_context,
    )


# The longest that sockets can be told to wait for: a year, as good as for ever.
TIMEOUT_MAX_S = 31_536_000.0


def _seconds(name: str, given: float | None, default: float, *, least: float = 0.001, most: float = TIMEOUT_MAX_S) -> float:
    if given is None:
        return default
    if not isinstance(given, (int, float)) or isinstance(given, bool) or not least <= given <= most:
        raise SettingsError(f"{name} must be seconds, from {least:g} to {most:g}, and is {given!r}.")
    return given


def _retries(given: int | None) -> int:
    if given is None:
        return RETRIES
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise SettingsError(f"retries must be a whole number from 0 on and is {given!r}.")
    return given


def _checked_url(url: str) -> str:
    try:
        parts: SplitResult = urlsplit(url.strip())
        parts.port  # noqa: B018 - reading it is the check
    except ValueError as error:
        raise SettingsError(f"{url!r} is no URL: {error}") from error
    if "@" in parts.netloc:
        # Nothing of them is repeated: the message may end in a log.
        host = parts.netloc.rpartition("@")[2]
        raise SettingsError(
            f"The URL of {host} has a user name or a password before its `@`, which would not be sent: leave them out. "
            "A server knows who asks by the API key alone (CAPSULED_URL, CAPSULED_API_KEY)."
        )
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        raise SettingsError(f"{url!r} is no server's URL: it has to be like http://127.0.0.1:8080 (CAPSULED_URL, or url).")
    return url.strip().rstrip("/")

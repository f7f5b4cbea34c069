"""Why no connection came to be, and what to do about each cause."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator

# Links of a failure's causes that are followed.
DEPTH_MAX = 8

# Certificates' faults, by OpenSSL's numbers.
EXPIRED = 10
OTHER_NAME = frozenset({62, 64})
UNTRUSTED = frozenset({18, 19, 20, 21})

UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ETIMEDOUT})


def cause_of(error: BaseException, origin: str) -> str:
    """The cause of a failed connection in words, with what to do."""
    for one in _chain(error):
        said = _known(one, origin)
        if said is not None:
            return said
    return f"{str(error) or type(error).__name__}. CAPSULED_URL, or url, says where it is."


def _known(error: BaseException, origin: str) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return _certificate(error)
    if isinstance(error, ssl.SSLError):
        if re.search(
            r"WRONG_VERSION_NUMBER|PACKET_LENGTH|RECORD_LAYER|RECORD LAYER|UNEXPECTED_EOF|HTTP_REQUEST", str(error), re.IGNORECASE
        ):
            return (
                "it does not speak TLS. CAPSULED_URL, or url, begins with http:// where nothing in front of the server encrypts."
            )
        return f"its TLS and this machine's do not come together ({error.reason or error})."
    if isinstance(error, socket.gaierror):
        if error.errno == socket.EAI_AGAIN:
            return (
                "the name service does not answer. Is this machine connected? "
                "Another try may do, or the server's address in place of its name in CAPSULED_URL, or url."
            )
        return "there is no host of that name. Check CAPSULED_URL, or url, for a slip."
    if isinstance(error, ConnectionRefusedError):
        if re.match(r"\w+://(127\.|localhost(?=[:/]|$)|\[::1\])", origin):
            return (
                "the connection was refused. Is it running? `capsuled start` starts one (in a clone: `npm start`); "
                "CAPSULED_URL, or url, says where it is."
            )
        return (
            "the connection was refused. Is it running there, on that port, and does it listen beyond its own machine "
            "(CAPSULED_HOST)? CAPSULED_URL, or url, says where it is."
        )
    if isinstance(error, OSError) and error.errno in UNREACHABLE:
        return f"the host cannot be reached ({errno.errorcode.get(error.errno or 0, error.errno)}). {_REACH}"
    return None


_REACH = "Is it up, is this machine connected, and does no firewall lie between? CAPSULED_URL, or url, says where it is."


def never_connected(origin: str) -> str:
    """What is said where a connection did not stand in time."""
    return f"No server answers at {origin}: it did not take the connection within connect_timeout. {_REACH}"


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    number = error.verify_code
    if number == EXPIRED:
        return "its certificate has expired. Renew it on the server."
    if number in OTHER_NAME:
        return (
            "its certificate is for other names. Use one of those in CAPSULED_URL, or url, "
            "or give the server a certificate for this one."
        )
    if number in UNTRUSTED:
        return (
            f"its certificate is signed by nobody whom this machine trusts ({error.verify_message}). "
            "Let SSL_CERT_FILE name the file with the certificate of who signed it, or give ssl_context."
        )
    return f"its certificate is not accepted ({error.verify_message})."


def _chain(error: BaseException) -> Iterator[BaseException]:
    """A failure, and what it came of."""
    waiting: list[BaseException] = [error]
    seen = 0
    while waiting and seen < DEPTH_MAX:
        one = waiting.pop(0)
        seen += 1
        yield one
        parts = getattr(one, "exceptions", ())
        waiting += [part for part in (one.__cause__, one.__context__, *parts) if isinstance(part, BaseException)]

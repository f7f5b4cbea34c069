"""What an answer's `Content-Digest` says of its bytes."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re

from .answer import Answer
from .failures import DigestMismatchError


def check_digest(answer: Answer, name: str) -> None:
    """Raises `DigestMismatchError` where the server tells another SHA-256 than that of the bytes that came."""
    told = re.search(r"\bsha-256=:([^:]+):", answer.headers.get("content-digest", ""))
    if told is None:
        return
    try:
        due = base64.b64decode(told[1], validate=True)
    except binascii.Error:
        due = b""
    if hashlib.sha256(answer.content).digest() != due:
        raise DigestMismatchError(f"{name}: the bytes that came are not those of the file")

# Made by tools/make_sync.py from _async/output.py. Do not change it by hand.
"""Reads what a process, or a run, has printed, by offset."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterator, Mapping
from typing import Literal

from .._contract.models import OutputPage
from .._core.request import make_request
from ..results import RESULT_BYTES_MAX
from .transport import Transport

# Bytes of one page of `/output`.
OUTPUT_PAGE_BYTES = 1024 * 1024

OutputStream = Literal["stdout", "stderr"]
OutputOperation = Literal["getProcessOutput", "getRunOutput"]


def read_pages(
    transport: Transport,
    operation: OutputOperation,
    params: Mapping[str, str],
    stream: OutputStream,
    offset: int,
    limit: int | None,
) -> Iterator[OutputPage]:
    """What there is so far, a page at a time."""
    left = math.inf if limit is None else limit
    while left > 0:
        query = {"stream": stream, "from": offset, "limit": int(min(left, OUTPUT_PAGE_BYTES))}
        page = transport.get(make_request(operation, params=params, query=query), OutputPage)
        if page.next == offset:
            return
        yield page
        left -= page.next - page.from_
        offset = page.next


def read_output(
    transport: Transport,
    operation: OutputOperation,
    params: Mapping[str, str],
    stream: OutputStream,
    offset: int,
    limit: int | None,
) -> bytes:
    """What there is so far, at most `limit` bytes or 16 MiB."""
    most = RESULT_BYTES_MAX if limit is None else limit
    content = bytearray()
    for page in read_pages(transport, operation, params, stream, offset, most):
        content += page_bytes(page)
    return bytes(content)


def page_bytes(page: OutputPage) -> bytes:
    """A page's bytes, whatever it is written in."""
    return base64.b64decode(page.data) if page.encoding == "base64" else page.data.encode()

"""Reads what a process, or a run, has printed, by offset."""

from __future__ import annotations

import base64
import math
from collections.abc import AsyncIterator, Mapping
from typing import Literal

from .._contract.models import OutputPage
from .._core.request import make_request
from ..results import RESULT_BYTES_MAX
from .transport import AsyncTransport

# Bytes of one page of `/output`.
OUTPUT_PAGE_BYTES = 1024 * 1024

OutputStream = Literal["stdout", "stderr"]
OutputOperation = Literal["getProcessOutput", "getRunOutput"]


async def read_pages(
    transport: AsyncTransport,
    operation: OutputOperation,
    params: Mapping[str, str],
    stream: OutputStream,
    offset: int,
    limit: int | None,
) -> AsyncIterator[OutputPage]:
    """What there is so far, a page at a time."""
    left = math.inf if limit is None else limit
    while left > 0:
        query = {"stream": stream, "from": offset, "limit": int(min(left, OUTPUT_PAGE_BYTES))}
        page = await transport.get(make_request(operation, params=params, query=query), OutputPage)
        if page.next == offset:
            return
        yield page
        left -= page.next - page.from_
        offset = page.next


async def read_output(
    transport: AsyncTransport,
    operation: OutputOperation,
    params: Mapping[str, str],
    stream: OutputStream,
    offset: int,
    limit: int | None,
) -> bytes:
    """What there is so far, at most `limit` bytes or 16 MiB."""
    most = RESULT_BYTES_MAX if limit is None else limit
    content = bytearray()
    async for page in read_pages(transport, operation, params, stream, offset, most):
        content += page_bytes(page)
    return bytes(content)


def page_bytes(page: OutputPage) -> bytes:
    """A page's bytes, whatever it is written in."""
    return base64.b64decode(page.data) if page.encoding == "base64" else page.data.encode()

# Made by tools/make_sync.py from _async/paging.py. Do not change it by hand.
"""Lists that the server gives page by page."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from .._contract.operations import OperationId
from .._core.decode import cursor_in, items_in
from .._core.request import QueryValue, make_request
from .transport import Transport

T = TypeVar("T")
Page = Mapping[str, Any]

PAGE_ITEMS = 100


def items_of(read: Callable[[str | None], Page], item: Callable[[object], T]) -> Iterator[T]:
    """Every item of a list, read page by page while it is iterated over; `read` gives the page behind a cursor."""
    cursor: str | None = None
    while True:
        page = read(cursor)
        for value in items_in(page, "items"):
            yield item(value)
        cursor = cursor_in(page)
        if cursor is None:
            return


def listed(
    transport: Transport, operation: OperationId, query: Mapping[str, QueryValue], item: Callable[[object], T]
) -> Iterator[T]:
    """Every item that a listing operation gives."""
    return items_of(
        lambda cursor: transport.json(make_request(operation, query={"limit": PAGE_ITEMS, **query, "cursor": cursor})), item
    )

"""Turns JSON into the contract's dataclasses. What a newer server adds is left alone; what it lacks is an error."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any, TypeVar, Union, cast

from .failures import UnexpectedAnswerError

T = TypeVar("T")


def decode(cls: type[T], value: object, where: str = "the answer") -> T:
    """A value of this class, or `UnexpectedAnswerError` naming the field that is not as the contract says."""
    return cast(T, _decode(cls, value, where))


def list_in(cls: type[T], value: object, name: str | None = None) -> list[T]:
    """The list that an answer is, or that its field of this name is."""
    return [decode(cls, one, f"{name or 'the answer'}[{index}]") for index, one in enumerate(items_in(value, name))]


def items_in(value: object, name: str | None = None) -> list[object]:
    """The same, with its items as they came."""
    found = value if name is None else value.get(name) if isinstance(value, dict) else None
    if not isinstance(found, list):
        where = "the answer" if name is None else f"the answer's field {name!r}"
        raise UnexpectedAnswerError(f"{where} should be a list and is {found!r:.80}", beginning=repr(value)[:200])
    return found


def cursor_in(value: object) -> str | None:
    """Where the page behind this one begins; None behind the last."""
    found = value.get("next_cursor") if isinstance(value, dict) else None
    if found is not None and not isinstance(found, str):
        raise _wrong("next_cursor", "a text", found)
    return found


@cache
def _fields(cls: Any) -> tuple[tuple[str, str, Any, bool], ...]:
    hints = typing.get_type_hints(cls)
    return tuple(
        (field.name, field.name.removesuffix("_"), hints[field.name], field.default is not dataclasses.MISSING)
        for field in dataclasses.fields(cls)
        if field.init
    )


def _decode(hint: Any, value: object, where: str) -> object:
    if hint is Any or hint is object:
        return value
    origin = typing.get_origin(hint)
    if origin is Union or origin is types.UnionType:
        return _decode_union(typing.get_args(hint), value, where)
    if origin is typing.Literal:
        # A newer server may have more words than this SDK knows.
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise _wrong(where, "a list", value)
        item = typing.get_args(hint)[0]
        return tuple(_decode(item, one, f"{where}[{index}]") for index, one in enumerate(value))
    if origin is not None and isinstance(origin, type) and issubclass(origin, Mapping):
        if not isinstance(value, dict):
            raise _wrong(where, "an object", value)
        inner = typing.get_args(hint)[1]
        return {key: _decode(inner, one, f"{where}.{key}") for key, one in value.items()}
    if dataclasses.is_dataclass(hint):
        return _decode_object(hint, value, where)
    return _decode_plain(hint, value, where)


def _decode_object(cls: Any, value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise _wrong(where, "an object", value)
    given: dict[str, object] = {}
    for attribute, name, hint, is_optional in _fields(cls):
        if name in value:
            given[attribute] = _decode(hint, value[name], f"{where}.{name}")
        elif not is_optional:
            raise UnexpectedAnswerError(
                f"{where} lacks the field {name!r}: the server's version may not fit this SDK's (client.health() tells it).",
                beginning=repr(value)[:200],
            )
    return cls(**given)


def _decode_union(branches: tuple[Any, ...], value: object, where: str) -> object:
    if value is None and type(None) in branches:
        return None
    named = [branch for branch in branches if dataclasses.is_dataclass(branch)]
    if isinstance(value, dict) and named:
        return _decode(_branch_of(named, value), value, where)
    for branch in branches:
        if branch is type(None) or dataclasses.is_dataclass(branch):
            continue
        try:
            return _decode(branch, value, where)
        except UnexpectedAnswerError:
            continue
    raise _wrong(where, " or ".join(getattr(branch, "__name__", str(branch)) for branch in branches), value)


def _branch_of(branches: list[Any], value: dict[str, object]) -> Any:
    for branch in branches:
        for _, name, hint, _ in _fields(branch):
            if name == "type" and typing.get_origin(hint) is typing.Literal and value.get("type") in typing.get_args(hint):
                return branch
    return branches[0]


def _decode_plain(hint: Any, value: object, where: str) -> object:
    if hint is datetime:
        if isinstance(value, str):
            try:
                return datetime.fromisoformat(value.replace("Z", "+00:00"))
            except ValueError:
                pass
        raise _wrong(where, "a time", value)
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, hint) or (hint is int and isinstance(value, bool)):
        raise _wrong(where, getattr(hint, "__name__", str(hint)), value)
    return value


def _wrong(where: str, wanted: str, value: object) -> UnexpectedAnswerError:
    return UnexpectedAnswerError(f"{where} should be {wanted} and is {value!r:.80}", beginning=repr(value)[:200])

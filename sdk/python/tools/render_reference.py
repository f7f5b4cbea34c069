"""Writes docs/sdk/python-reference.md from the docstrings of the package; with --check, says whether it is up to date."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent.parent
TARGET = ROOT / "docs" / "sdk" / "python-reference.md"
sys.path.insert(0, str(ROOT / "sdk" / "python" / "src"))

from capsuled import _sync, build_events, call_events, errors, results, stream_events, terminal_events  # noqa: E402
from capsuled._core import failures  # noqa: E402
from capsuled._sync import (  # noqa: E402
    access,
    capsule,
    client,
    commands,
    endpoints,
    events,
    files,
    images,
    ports,
    process,
    process_stream,
    runs,
    snapshots,
    templates,
    terminal,
)

assert _sync

CLASSES: tuple[type[Any], ...] = (
    capsule.Capsule,
    commands.Commands,
    process.Process,
    process_stream.ProcessStream,
    terminal.Terminal,
    files.Files,
    ports.Ports,
    client.Client,
    endpoints.Endpoints,
    runs.Runs,
    events.Events,
    snapshots.Snapshots,
    templates.Templates,
    images.Images,
    access.Keys,
    access.Teams,
)
EVENTS = (stream_events, terminal_events, call_events, build_events)

HEAD = """\
# The Python SDK: reference

Made by `sdk/python/tools/render_reference.py` from the package's own comments. [The quick start](python.md) comes first.

Everything here has an asynchronous twin with the same names: `AsyncCapsule` for `Capsule`, `AsyncClient` for `Client`; its
methods are awaited, its iterators are `async for`, and `close` is `aclose`. What the server answers is a frozen dataclass of
`capsuled.models`, with the fields of the API's own reference (`/docs` of a server).
"""


def text_of(thing: object) -> str:
    """A docstring, its sections as lists."""
    lines: list[str] = []
    in_section = False
    for line in inspect.cleandoc(inspect.getdoc(thing) or "").splitlines():
        section = re.match(r"^(Args|Raises|Returns|Attributes)([^\n:]*):$", line)
        item = re.match(r"^    ([\w, …]+?): (.*)$", line)
        if section:
            lines += [f"**{section[1]}{section[2]}**", ""]
            in_section = True
        elif in_section and item:
            lines.append(f"- `{item[1]}`: {item[2]}")
        elif in_section and line.startswith("    "):
            lines.append(f"  {line.strip()}")
        else:
            in_section = in_section and line == ""
            lines.append(line)
    return "\n".join(lines).strip()


def signature_of(function: Any) -> str:
    """A signature as it is written."""
    signature = inspect.signature(function)
    parts: list[str] = []
    for parameter in signature.parameters.values():
        if parameter.name in {"self", "cls"}:
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        annotation = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
        default = (
            "" if parameter.default is parameter.empty else f" = {'…' if parameter.default is ... else repr(parameter.default)}"
        )
        parts.append(f"{parameter.name}{annotation}{default}")
    returns = "" if signature.return_annotation is signature.empty else f" -> {signature.return_annotation}"
    return f"({', '.join(parts)}){returns}"


def members_of(cls: type[Any]) -> Iterator[str]:
    for name, member in vars(cls).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield f"#### `{name}`\n\n{text_of(member)}"
        elif isinstance(member, (staticmethod, classmethod)):
            yield f"#### `{cls.__name__}.{name}{signature_of(getattr(cls, name))}`\n\n{text_of(member.__func__)}"
        elif inspect.isfunction(member):
            yield f"#### `{name}{signature_of(member)}`\n\n{text_of(member)}"


def fields_of(cls: type[Any]) -> str:
    """A dataclass's fields, each with what the source says below it."""
    source = textwrap.dedent(inspect.getsource(cls))
    told = dict(re.findall(r'^    (\w+): [^\n]*\n    """(.*?)"""', source, flags=re.MULTILINE | re.DOTALL))
    rows = []
    for field in dataclasses.fields(cls):
        if field.name == "type":
            continue
        note = f": {' '.join(told[field.name].split())}" if field.name in told else ""
        rows.append(f"- `{field.name}` ({str(field.type).replace(chr(39), '')}){note}")
    return "\n".join(rows)


def render() -> str:
    parts = [HEAD]
    for cls in CLASSES:
        parts += [f"## {cls.__name__}\n\n{text_of(cls)}", *members_of(cls)]
    parts.append(f"## CommandResult\n\n{text_of(results.CommandResult)}\n\n{fields_of(results.CommandResult)}")
    parts += list(members_of(results.CommandResult))
    parts.append("#### `ok`\n\nWhether it exited with 0, by itself.")
    parts.append("#### `or_raise()`\n\nGives itself where `ok`, else raises `CommandFailedError`, which carries it.")
    parts.append(f"## WrittenArchive\n\n{text_of(results.WrittenArchive)}\n\n{fields_of(results.WrittenArchive)}")
    parts.append(f"## FileChange\n\n{text_of(results.FileChange)}\n\n{fields_of(results.FileChange)}")
    parts.append("## Events\n\nEach has its `type`, by which type checkers know its class.")
    for module in EVENTS:
        for name, cls in vars(module).items():
            if dataclasses.is_dataclass(cls) and isinstance(cls, type) and cls.__module__ == module.__name__:
                kind = next(field.default for field in dataclasses.fields(cls) if field.name == "type")
                parts.append(f"### {name}\n\n`type` is `{kind!r}`. {text_of(cls)}\n\n{fields_of(cls)}")
    parts.append("## Errors\n\nAll are in `capsuled.errors`.")
    for name in ("CapsuledError", "SettingsError", "ApiError", "ConnectionFailedError", "ClientTimeoutError"):
        parts.append(f"### {name}\n\n{text_of(getattr(failures, name))}")
    for name in ("UnexpectedAnswerError", "DigestMismatchError", "StdinLostError", "CommandFailedError"):
        parts.append(f"### {name}\n\n{text_of(getattr(failures, name))}")
    rows = [f"| `{name}` | {inspect.getdoc(getattr(errors, name))} |" for name in errors.__all__ if name not in vars(failures)]
    table = "\n".join(rows)
    parts.append(f"### By code\n\nClasses of `ApiError`.\n\n| class | code |\n|---|---|\n{table}")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def main() -> int:
    text = render()
    if "--check" in sys.argv:
        if TARGET.exists() and TARGET.read_text() == text:
            return 0
        print(f"{TARGET.relative_to(ROOT)} differs from the docstrings: run sdk/python/tools/render_reference.py")
        return 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

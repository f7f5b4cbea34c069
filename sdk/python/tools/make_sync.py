"""Writes the synchronous face of the SDK from the asynchronous one; with --check, says whether it is up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "src" / "capsuled"
# Written by hand on both sides: what waits.
OWN = {"io.py", "__init__.py"}
NOTE = "# Made by tools/make_sync.py from _async/{name}. Do not change it by hand.\n"

RULES: tuple[tuple[str, str], ...] = (
    (r"^(\s*)# sync: (.*)$", r"\1\2"),
    (r"\bAwaitable\[([^\[\]]+)\]", r"\1"),
    (r"\bAsyncIterator\b", "Iterator"),
    (r"\bAwaitable, ", ""),
    (r"\bAsync([A-Z]\w*)", r"\1"),
    (r"\basync (def|for|with)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\b__a(enter|exit|iter|next)__\b", r"__\1__"),
    (r"\baclose\b", "close"),
    (r"\basync_with\b", "with"),
)


def to_sync(text: str, name: str) -> str:
    """The same program without its waiting."""
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text, flags=re.MULTILINE)
    return NOTE.format(name=name) + text


def formatted(text: str) -> str:
    """As ruff writes it, with its imports in order."""
    ruff = [sys.executable, "-m", "ruff"]
    config = ["--config", str(PACKAGE.parent.parent / "pyproject.toml")]
    sorted_text = subprocess.run(
        [*ruff, "check", *config, "--select", "I", "--fix-only", "--quiet", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return subprocess.run(
        [*ruff, "format", *config, "--quiet", "-"], input=sorted_text, capture_output=True, text=True, check=True
    ).stdout


def main() -> int:
    """Writes or compares every file."""
    stale = []
    made = {"io.py", "__init__.py"}
    for source in sorted((PACKAGE / "_async").glob("*.py")):
        if source.name in OWN:
            continue
        target = PACKAGE / "_sync" / source.name
        text = formatted(to_sync(source.read_text(), source.name))
        made.add(source.name)
        if not target.exists() or target.read_text() != text:
            stale.append(source.name)
            if "--check" not in sys.argv:
                target.write_text(text)
    for extra in sorted((PACKAGE / "_sync").glob("*.py")):
        if extra.name not in made:
            stale.append(extra.name)
            if "--check" not in sys.argv:
                extra.unlink()
    if stale and "--check" in sys.argv:
        print(f"_sync differs from _async: {', '.join(stale)}. Run sdk/python/tools/make_sync.py.")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())

"""The samples of the documents are as well typed as the SDK: what they are copied into may be checked strictly."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

PROJECT = Path(__file__).parent.parent
DOCUMENTS = [PROJECT.parent.parent / "docs" / "sdk" / "python.md", PROJECT / "README.md"]


def test_the_samples_pass_the_strict_checks_of_mypy_against_the_types_that_are_shipped(tmp_path: Path) -> None:
    text = "".join(document.read_text() for document in DOCUMENTS)
    samples = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len(samples) == 8
    for number, sample in enumerate(samples):
        (tmp_path / f"sample_{number}.py").write_text(sample)
    (tmp_path / "wrong.py").write_text("from capsuled import Capsule\n\nCapsule(vcpus='two').commands.run(3)\n")
    # Also where an older interpreter without it runs the tests.
    command = [
        str(PROJECT / ".venv" / "bin" / "python"),
        "-m",
        "mypy",
        "--strict",
        "--python-version",
        "3.10",
        "--cache-dir",
        str(PROJECT / ".venv" / "mypy"),
    ]
    done = subprocess.run(
        [*command, *sorted(str(path) for path in tmp_path.glob("*.py"))],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(PROJECT / "src")},
    )
    faults = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(faults) == 2, done.stdout + done.stderr
    assert all(line.startswith("wrong.py:3:") for line in faults), done.stdout

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.server
PACKAGE = Path(__file__).parent.parent
SAMPLE = """\
import capsuled
from capsuled import Capsule

with Capsule(wait=True) as capsule:
    print(capsule.commands.run("echo from the wheel").stdout, end="")
"""


def done(*command: str | Path, **environment: str) -> str:
    result = subprocess.run(
        [str(part) for part in command],
        cwd=PACKAGE,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=170,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def test_the_wheel_installs_into_an_empty_environment_and_runs(tmp_path: Path, server_url: str) -> None:
    done(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path)
    (wheel,) = tmp_path.glob("capsuled-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {"capsuled/__init__.py", "capsuled/py.typed", "capsuled/_sync/capsule.py"} <= names
    assert not [name for name in names if "test" in name or "__pycache__" in name]
    empty = tmp_path / "empty"
    done(sys.executable, "-m", "venv", "--without-pip", empty)
    pip = (sys.executable, "-m", "pip", "--python", empty / "bin" / "python", "--disable-pip-version-check")
    done(*pip, "install", "--quiet", "--no-compile", wheel)
    assert done(empty / "bin" / "python", "-c", SAMPLE, PYTHONPATH="", CAPSULED_URL=server_url) == "from the wheel\n"

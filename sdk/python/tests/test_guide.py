from __future__ import annotations

import re
from pathlib import Path

import pytest

from .test_seeds import run

pytestmark = pytest.mark.server
GUIDE = Path(__file__).parent.parent.parent.parent / "docs" / "sdk" / "python.md"
SAMPLES = re.findall(r"```python\n(.*?)```\n\n```text\n(.*?)```", GUIDE.read_text(), re.DOTALL)


def test_the_guide_has_its_samples() -> None:
    assert len(SAMPLES) == GUIDE.read_text().count("```python\n") == 7


@pytest.mark.parametrize("number", range(len(SAMPLES)))
def test_a_sample_of_the_guide_prints_what_the_guide_says(number: int, server_url: str) -> None:
    code, prints = SAMPLES[number]
    done = run(code, server_url)
    assert done.returncode == 0, done.stderr
    assert done.stdout == prints
    assert done.stderr == ""


def test_the_sample_of_the_readme_runs_as_written(server_url: str) -> None:
    (sample,) = re.findall(r"```python\n(.*?)```", (Path(__file__).parent.parent / "README.md").read_text(), re.DOTALL)
    done = run(sample, server_url)
    assert (done.returncode, done.stdout) == (0, "hello\n\n"), done.stderr

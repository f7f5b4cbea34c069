"""A plugin of pytest that tells the project's own test runner of each test: a line of JSON in CAPSULED_TEST_RESULTS."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when != "call" and report.outcome == "passed":
        return
    name = f"{report.nodeid}{'' if report.when == 'call' else f' ({report.when})'}"
    with Path(os.environ["CAPSULED_TEST_RESULTS"]).open("a", encoding="utf-8") as file:
        file.write(json.dumps({"name": name, "outcome": report.outcome, "told": report.longreprtext}) + "\n")

from __future__ import annotations

import json
import re
from pathlib import Path

from capsuled._contract.operations import OPERATIONS

PACKAGE = Path(__file__).parent.parent
SOURCES = PACKAGE / "src" / "capsuled" / "_async"
LISTED = PACKAGE.parent / "operations-without-method.json"


def used() -> set[str]:
    """The operations that the SDK's methods name."""
    texts = "\n".join(source.read_text() for source in sorted(SOURCES.glob("*.py")))
    return {name for name in re.findall(r'"([a-zA-Z]+)"', texts) if name in OPERATIONS}


def test_each_operation_of_the_contract_has_a_method_or_is_listed_not_to() -> None:
    listed: list[str] = json.loads(LISTED.read_text())["python"]
    without = set(OPERATIONS) - used()
    new = sorted(without - set(listed))
    assert new == [], f"{new}: write a method in src/capsuled/_async/, or list them in sdk/{LISTED.name}"
    done = sorted(set(listed) - without)
    assert done == [], f"{done}: they have a method, or are no operations: take them out of sdk/{LISTED.name}"

"""Names the behaviour of sdk/behaviours.json that a test proves."""

from __future__ import annotations

import pytest


def behaviour(id: str) -> pytest.MarkDecorator:
    """Marks the test that proves this behaviour."""
    return pytest.mark.behaviour(id)

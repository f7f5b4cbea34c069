"""The last: that all of the client's interface was used, in both faces."""

from __future__ import annotations

import inspect

import pytest
import wrenn
from faces import INTERFACE, called, plain_name
from wrenn import client as low_level
from wrenn import commands, files

# What gives away the client's own HTTP client.
LEFT_OUT = {"http"}
CLASSES = {
    plain_name(each): each
    for each in (
        wrenn.Capsule,
        low_level.CapsulesResource,
        commands.Commands,
        low_level.EventsResource,
        files.Files,
        wrenn.Git,
        wrenn.PtySession,
        low_level.SnapshotsResource,
        wrenn.WrennClient,
    )
}


@pytest.mark.parametrize("face", ["sync", "async"])
def test_every_method_of_the_client_was_called(request: pytest.FixtureRequest, face: str) -> None:
    if len(request.session.items) < 50:
        pytest.skip("only a part of the tests runs")
    assert set(CLASSES) == INTERFACE
    for name, cls in CLASSES.items():
        if face == "async":
            module = inspect.getmodule(wrenn.AsyncCapsule if name == "Capsule" else cls)
            cls = getattr(module, f"Async{name}")
        methods = {each for each in vars(cls) if not each.startswith("_")} - LEFT_OUT
        assert len(methods) > 0
        missing = {each for each in methods if (face, name, each) not in called}
        assert missing == set(), f"{cls.__name__}"

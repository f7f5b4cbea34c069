"""Templates made of a capsule's disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import wrenn
from faces import Client


def test_a_snapshot_is_a_template_that_capsules_are_made_of(client: Client, low: Any, name: Callable[[], str]) -> None:
    with client.Capsule.create(wait=True, memory_mb=256) as source:
        source.files.write("/workspace/kept", "kept")
        named = name()
        template = source.create_snapshot(name=named)
        assert (template.name, template.type, template.platform) == (named, "snapshot", False)
        assert template.size_bytes >= 0 and template.created_at.tzinfo
        assert source.is_running()
        with client.Capsule.create(template=named, wait=True) as made:
            assert made.files.read("/workspace/kept") == "kept"
        source.files.write("/workspace/kept", "kept again")
        with pytest.raises(wrenn.WrennError) as raised:
            source.create_snapshot(name=named)
        assert raised.value.status_code == 409
        source.create_snapshot(name=named, overwrite=True)
        source.pause()
        unnamed = low.snapshots.create(source.capsule_id)
        assert unnamed.name.startswith("template-")
        with client.Capsule.create(template=named, wait=True) as made:
            assert made.files.read("/workspace/kept") == "kept again"
        listed = low.snapshots.list()
        assert {named, unnamed.name, "minimal"} <= {each.name for each in listed}
        assert {each.type for each in low.snapshots.list(type="snapshot")} == {"snapshot"}
        assert "minimal" in [each.name for each in low.snapshots.list(type="base") if each.platform]
        assert low.snapshots.list(type="custom") == []
        low.snapshots.delete(named)
        low.snapshots.delete(unnamed.name)
        with pytest.raises(wrenn.WrennNotFoundError):
            low.snapshots.delete(named)
        with pytest.raises(wrenn.WrennForbiddenError):
            low.snapshots.delete("minimal")

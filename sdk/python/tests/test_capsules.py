from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import count

import pytest

from capsuled import AsyncCapsule, Capsule, Client, errors

from .behaviours import behaviour
from .cutting_proxy import CuttingProxy

pytestmark = pytest.mark.server
Cutting = Callable[[Iterator[int | None]], CuttingProxy]
UNKNOWN = "cl-" + "0" * 25


@behaviour("capsule.create")
def test_creating_gives_a_running_capsule_with_its_facts(client: Client) -> None:
    with Capsule(
        "minimal", memory_mb=64, disk_mb=64, timeout=600, envs={"A": "b c"}, metadata={"made": "here"}, wait=True, client=client
    ) as capsule:
        assert capsule.id.startswith("cl-")
        info = capsule.info
        assert (info.status, info.memory_mb, info.disk_mb, info.timeout_sec) == ("running", 64, 64, 600)
        assert (info.env_names, dict(info.metadata), info.created_at.tzinfo is not None) == (("A",), {"made": "here"}, True)
        assert capsule.commands.run('printf %s "$A"').stdout == "b c"


@behaviour("capsule.scope")
def test_leaving_the_scope_destroys_the_capsule_also_by_an_error(client: Client) -> None:
    with pytest.raises(ZeroDivisionError), Capsule(memory_mb=64, client=client) as capsule:
        raise ZeroDivisionError
    info = Capsule.get_info(capsule.id, client=client)
    assert (info.status, info.reason) == ("stopped", "destroyed")
    with Capsule(memory_mb=64, client=client) as capsule:
        capsule.destroy()
    assert Capsule.get_info(capsule.id, client=client).reason == "destroyed"


@behaviour("capsule.connect")
def test_a_capsule_is_reached_again_by_its_id(capsule: Capsule, client: Client) -> None:
    again = Capsule.connect(capsule.id, client=client)
    assert again.commands.run("echo here").stdout == "here\n"
    for unknown in (UNKNOWN, "nonsense", "a/b"):
        with pytest.raises(errors.NotFoundError) as raised:
            Capsule.connect(unknown, client=client)
        assert raised.value.status == 404


@behaviour("capsule.info")
def test_facts_are_read_by_id_alone_and_anew_on_an_object(capsule: Capsule, client: Client) -> None:
    info = Capsule.get_info(capsule.id, client=client)
    assert (info.id, info.status, info.template) == (capsule.id, "running", "minimal")
    assert capsule.get_info().status == "running"
    assert capsule.is_running()


@behaviour("capsule.list")
def test_listing_iterates_over_pages_and_is_narrowed(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capsuled._sync.paging.PAGE_ITEMS", 1)
    label = {"list": str(time.time())}
    with Capsule(memory_mb=64, metadata=label, client=client) as one, Capsule(memory_mb=64, metadata=label, client=client) as two:
        assert [info.id for info in Capsule.list(metadata=label, client=client)] == [two.id, one.id]
        two.pause()
        assert [info.id for info in Capsule.list(metadata=label, status="paused", client=client)] == [two.id]
        # Others of the team may be newer.
        both = (info.id for info in Capsule.list(client=client) if info.id in (one.id, two.id))
        assert next(both) == two.id


@behaviour("capsule.pause")
def test_a_paused_capsule_refuses_commands_and_goes_on_once_resumed(client: Client) -> None:
    with Capsule(memory_mb=64, wait=True, client=client) as capsule:
        handle = capsule.commands.run("while :; do echo tick; sleep 0.05; done", background=True)
        assert capsule.pause().status == "paused"
        assert capsule.get_info().status == "paused"
        with pytest.raises(errors.InvalidStateError):
            capsule.commands.run("true")
        assert capsule.resume().status == "running"
        assert capsule.commands.get(handle.id).running
        capsule.pause()
        assert Capsule.connect(capsule.id, client=client).is_running()


@behaviour("capsule.stop")
def test_a_stopped_capsule_keeps_its_disk(client: Client) -> None:
    with Capsule(memory_mb=64, wait=True, client=client) as capsule:
        capsule.commands.run("echo kept > /workspace/file")
        stopped = capsule.stop()
        assert (stopped.status, stopped.reason, stopped.startable) == ("stopped", "stopped", True)
        with pytest.raises(errors.InvalidStateError, match="stopped"):
            capsule.wait_ready()
        assert capsule.start().status == "running"
        assert capsule.commands.run("cat /workspace/file").stdout == "kept\n"


@behaviour("capsule.ping")
def test_a_ping_counts_as_activity(client: Client) -> None:
    with Capsule(memory_mb=64, wait=True, client=client) as capsule:
        before = capsule.get_info().last_active_at
        assert before is not None
        for _ in range(200):
            capsule.ping()
            after = capsule.get_info().last_active_at
            if after is not None and after > before:
                return
            time.sleep(0.05)
        pytest.fail("last_active_at did not move")


@behaviour("capsule.network")
def test_where_a_capsule_may_connect_to_is_set_changed_and_read(client: Client) -> None:
    with Capsule(memory_mb=64, egress="none", wait=True, client=client) as capsule:
        assert capsule.network().egress == "none"
        changed = capsule.set_network({"allow": ["203.0.113.7", {"to": "203.0.113.0/24", "ports": [443]}]})
        assert changed.network.egress not in ("none", "allow")
        report = capsule.network(log=True)
        assert report.egress == changed.network.egress
        assert report.log is not None


@behaviour("retry.create-once")
def test_creating_over_a_connection_that_is_cut_makes_exactly_one(cutting: Cutting, client: Client) -> None:
    label = {"once": str(time.time())}
    for budget in (0, 1, 200, 500):
        proxy = cutting(iter([budget, None]))
        with Client(url=proxy.url) as through, Capsule(memory_mb=64, metadata=label, client=through, wait=True) as capsule:
            assert [info.id for info in Capsule.list(metadata=label, client=client)] == [capsule.id]
            assert proxy.cuts == 1


@behaviour("error.wrong-key")
def test_a_key_that_is_not_valid_is_unauthorized(server_url: str) -> None:
    with Client(url=server_url, api_key="wrn_" + "f" * 40) as client, pytest.raises(errors.UnauthorizedError) as raised:
        client.keys.list()
    assert (raised.value.status, raised.value.code) == (401, "unauthorized")


@behaviour("system.health")
def test_health_and_version_are_read_without_a_key(server_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAPSULED_API_KEY")
    with Client(url=server_url) as client:
        health = client.health()
        assert (health.status, health.checks["database"]) == ("ok", "ok")
        assert client.openapi()["info"]["version"] == health.version
        assert "capsuled" in client.metrics()
        assert "<html" in client.docs()


def test_the_asynchronous_face_does_the_same(server_url: str) -> None:
    async def scenario() -> str:
        async with AsyncCapsule(memory_mb=64, wait=True, url=server_url) as capsule:
            assert (await capsule.get_info()).status == "running"
            assert (await AsyncCapsule.get_info(capsule.id, url=server_url)).id == capsule.id
            assert capsule.id in [info.id async for info in AsyncCapsule.list(client=capsule.client)]
            results = await asyncio.gather(*(capsule.commands.run(f"echo {n}") for n in range(5)))
            assert [result.stdout for result in results] == [f"{n}\n" for n in range(5)]
            return capsule.id

    made = asyncio.run(scenario())
    assert Capsule.get_info(made, url=server_url).reason == "destroyed"
    with pytest.raises(errors.CapsuledError, match="not created"):
        AsyncCapsule(url=server_url).id  # noqa: B018


def test_the_same_name_can_give_back_the_same_capsule(client: Client) -> None:
    name = f"named-{next(count(time.time_ns()))}"
    with Capsule(memory_mb=64, name=name, client=client) as capsule:
        with pytest.raises(errors.ConflictError) as raised:
            Capsule(name=name, client=client)
        assert raised.value.details["id"] == capsule.id
        assert Capsule(name=name, on_conflict="return", client=client).id == capsule.id

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from urllib.request import Request, urlopen

import pytest

from capsuled import Capsule, Client, errors
from capsuled.models import CapsuleDestroyedEvent, ProcessEndedEvent

from .behaviours import behaviour
from .cutting_proxy import CuttingProxy

pytestmark = pytest.mark.server
Cutting = Callable[[Iterator[int | None]], CuttingProxy]


@behaviour("event.list")
def test_events_are_iterated_over_narrowed_by_capsule_and_type(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("capsuled._sync.paging.PAGE_ITEMS", 2)
    with Capsule(memory_mb=64, wait=True, client=client) as capsule:
        capsule.commands.run("exit 3", background=True).wait()
    types = [event.type for event in client.events.list(capsule=capsule.id, order="asc")]
    assert types[:2] == ["capsule.created", "capsule.running"]
    assert types[-1] == "capsule.destroyed"
    ended = list(client.events.list(capsule=capsule.id, type="process.ended"))
    assert len(ended) == 1
    assert isinstance(ended[0], ProcessEndedEvent)
    assert (ended[0].data.exit_code, ended[0].data.reason) == (3, "exited")


@behaviour("event.follow")
def test_events_are_followed_over_cuts_each_once(client: Client, cutting: Cutting) -> None:
    proxy = cutting(iter([0, 400, 900, 1500, None]))
    with Capsule(memory_mb=64, wait=True, client=client) as capsule, Client(url=proxy.url) as through:
        begin = next(iter(client.events.list(capsule=capsule.id))).id

        def act() -> None:
            with Client(url=client.settings.url) as own:
                mine = Capsule.connect(capsule.id, client=own)
                for n in range(5):
                    mine.commands.run(f"exit {n}", background=True).wait()
                mine.destroy()

        acting = threading.Thread(target=act)
        acting.start()
        seen = []
        for event in through.events.stream(capsule=capsule.id, begin=begin):
            assert event.__class__.__name__ != "EventGap"
            seen.append(event)
            if isinstance(event, CapsuleDestroyedEvent):
                break
        acting.join()
    ids = [event.id for event in seen if hasattr(event, "id")]
    listed = [event.id for event in client.events.list(capsule=capsule.id, since=begin, order="asc")]
    assert ids == listed
    assert sorted(event.data.exit_code or 0 for event in seen if isinstance(event, ProcessEndedEvent)) == [0, 1, 2, 3, 4]
    assert proxy.cuts >= 2


@behaviour("access.keys")
def test_keys_are_made_listed_and_revoked(client: Client) -> None:
    made = client.keys.create("python tests", role="member")
    assert made.key.startswith("wrn_")
    assert made.id in [key.id for key in client.keys.list()]
    with Client(url=client.settings.url, api_key=made.key) as member:
        with pytest.raises(errors.ForbiddenError):
            member.keys.create("more")
        assert member.teams.list()
    client.keys.revoke(made.id)
    assert made.id not in [key.id for key in client.keys.list()]


@behaviour("access.teams")
def test_teams_are_made_and_listed(client: Client) -> None:
    made = client.teams.create("Python tests")
    assert made.team.slug.startswith("python-tests")
    assert made.team.id in [team.id for team in client.teams.list()]
    with Client(url=client.settings.url, api_key=made.key.key) as other:
        assert [team.id for team in other.teams.list()] == [made.team.id]


@behaviour("access.tickets")
def test_a_ticket_stands_for_a_key_once(client: Client) -> None:
    ticket = client.create_ticket("/v1/events/stream?from=start")
    url = f"{client.settings.url}/v1/events/stream?from=start&ticket={ticket.ticket}"
    with urlopen(Request(url, headers={"Accept": "text/event-stream"}), timeout=30) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")

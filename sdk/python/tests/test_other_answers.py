"""What stands between this SDK and its server, and what is no answer of the server's."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import time
from collections.abc import Callable, Iterator

import pytest

from capsuled import AsyncClient, Capsule, Client, errors
from capsuled._async.capsule import AsyncCapsule

from .fake_server import FakeServer, Reply, answer, problem, whole

Fake = Callable[[Callable[[int, bytes], Reply]], FakeServer]
KEY = "wrn_" + "0" * 40
TEAMS = {"teams": [{"id": "team-1", "name": "One", "slug": "one", "created_at": "2026-11-01T10:00:00.000Z"}]}
ID = f"cl-{'0' * 25}"
CAPSULE: dict[str, object] = {
    "id": ID,
    "status": "running",
    "template": "minimal",
    "vcpus": 1,
    "memory_mb": 512,
    "disk_mb": 5120,
    "timeout_sec": 0,
    "created_at": "2026-11-01T10:00:00.000Z",
    "started_at": None,
    "last_active_at": None,
    "ended_at": None,
    "name": None,
    "last_updated": "2026-11-01T10:00:00.000Z",
    "metadata": {},
    "env_names": [],
    "reason": None,
    "message": None,
    "evidence": None,
    "network": {"egress": "none"},
    "startable": False,
    "public_ports": [],
    "auto_resume": False,
}
BAD_GATEWAY = answer(502, b"<html>Bad Gateway</html>", kind="text/html"), True


BODIES: tuple[object, ...] = (None, [], 5, {}, {"teams": 5}, {"teams": [None]}, {"items": {}, "next_cursor": 5})


def upgrades(fake: Fake, replies: Iterator[Reply]) -> FakeServer:
    """A server that has a capsule, and answers the upgrades of its sockets so."""
    return fake(lambda _index, request: next(replies) if b"upgrade: websocket" in request.lower() else whole(200, CAPSULE))


def run(server: FakeServer, **settings: float) -> list[object]:
    """The events of a command of the capsule."""
    with Client(url=server.url, api_key=KEY, **settings) as client:  # type: ignore[arg-type]
        return list(Capsule.connect(ID, client=client).commands.stream("true"))


@pytest.mark.parametrize("status", [502, 503, 504])
def test_what_stands_before_a_server_that_is_away_is_asked_again(fake: Fake, status: int) -> None:
    away = answer(status, b"<html>Away</html>", kind="text/html"), True
    server = fake(lambda index, _request: away if index < 2 else whole(200, TEAMS))
    with Client(url=server.url, api_key=KEY) as client:
        assert client.teams.list()[0].slug == "one"
    gone = fake(lambda _index, _request: away)
    with (
        Client(url=gone.url, api_key=KEY, retries=1) as client,
        pytest.raises(errors.ConnectionFailedError, match=f"{status}.*Away"),
    ):
        client.teams.list()
    assert len(gone.requests) == 2


def test_a_stream_goes_on_over_what_stands_before_a_server_that_is_away(fake: Fake) -> None:
    refused = problem("capsule_not_found", 404)
    server = upgrades(fake, itertools.chain([BAD_GATEWAY] * 3, itertools.repeat(refused)))
    with pytest.raises(errors.ApiError):
        run(server)
    assert len(server.requests) == 5
    event = {
        "id": 1,
        "time": "2026-11-01T10:00:00.000Z",
        "capsule_id": ID,
        "process_id": None,
        "actor": {"type": "system", "id": "sys"},
    }
    told = json.dumps({**event, "type": "capsule.paused", "data": {}}).encode()
    newer = json.dumps({**event, "type": "capsule.frozen", "data": {"depth": 3}}).encode()
    stream = (
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nx-request-id: req-1\r\n\r\n"
        + b"".join(b"id: 1\nevent: any\ndata: " + one + b"\n\n" for one in (newer, told)),
        False,
    )
    events = fake(lambda index, _request: BAD_GATEWAY if index == 0 else stream)
    with Client(url=events.url, api_key=KEY) as client:
        assert next(iter(client.events.stream())).type == "capsule.paused"  # type: ignore[union-attr]


def test_a_refused_stream_is_asked_for_again_no_sooner_than_said_and_not_without_a_pause(fake: Fake) -> None:
    now = upgrades(fake, itertools.repeat(problem("shutting_down", 503, {"Retry-After": "0"})))
    with pytest.raises(errors.ShuttingDownError):
        run(now, reconnect_timeout=1)
    assert 3 <= len(now.requests) <= 12
    late = upgrades(fake, itertools.repeat(problem("shutting_down", 503, {"Retry-After": "86400"})))
    began = time.monotonic()
    with pytest.raises(errors.ShuttingDownError):
        run(late, reconnect_timeout=5)
    assert time.monotonic() - began < 5
    soon = upgrades(
        fake, itertools.chain([problem("rate_limited", 429, {"Retry-After": "1"})], itertools.repeat(problem("not_found", 404)))
    )
    with pytest.raises(errors.NotFoundError):
        run(soon)


def test_what_is_under_way_is_not_asked_for_without_a_pause(fake: Fake) -> None:
    server = fake(lambda _index, _request: problem("idempotency_in_progress", 409, {"Retry-After": "0"}))
    with (
        Client(url=server.url, api_key=KEY, answer_timeout=0.5, retries=0) as client,
        pytest.raises(errors.IdempotencyInProgressError),
    ):
        client.teams.create("One")
    assert len(server.requests) <= 12


def test_no_socket_follows_a_redirect_with_the_key(fake: Fake) -> None:
    other = fake(lambda _index, _request: (b"", False))
    location = other.url.replace("http://127.0.0.1", "ws://localhost")
    server = upgrades(fake, itertools.repeat((answer(302, b"", {"location": f"{location}/"}), True)))
    with pytest.raises(errors.UnexpectedAnswerError, match="redirection"):
        run(server)

    async def follow() -> None:
        async with AsyncClient(url=server.url, api_key=KEY) as client:
            capsule = await AsyncCapsule.connect(ID, client=client)
            async for _ in capsule.commands.stream("true"):
                pass

    with pytest.raises(errors.UnexpectedAnswerError, match="redirection"):
        asyncio.run(follow())
    assert other.requests == []


@pytest.mark.parametrize(
    "reply",
    [
        (answer(200, b"not compressed", {"content-encoding": "gzip"}), True),
        (answer(200, b"[" * 200_000), True),
        *(whole(200, body) for body in BODIES),
    ],
)
def test_what_is_no_answer_of_this_server_is_a_typed_error(fake: Fake, reply: Reply) -> None:
    server = fake(lambda _index, _request: reply)
    asked: list[Callable[[Client], object]] = [
        lambda client: client.teams.list(),
        lambda client: list(client.endpoints.list()),
        lambda client: Capsule.connect(ID, client=client),
    ]
    with Client(url=server.url, api_key=KEY, retries=0) as client:
        for ask in asked:
            with pytest.raises((errors.UnexpectedAnswerError, errors.ConnectionFailedError)):
                ask(client)


@pytest.mark.parametrize("key", ["", "two\nlines", "é", " padded "])
def test_a_name_that_cannot_be_sent_is_refused_before_anything_is(fake: Fake, key: str) -> None:
    server = fake(lambda _index, _request: whole(201, CAPSULE))
    with pytest.raises(errors.SettingsError, match="idempotency_key"):
        Capsule(wait=False, url=server.url, api_key=KEY, idempotency_key=key)
    assert server.requests == []


def test_a_closed_client_says_so(fake: Fake) -> None:
    server = fake(lambda _index, _request: whole(200, TEAMS))
    client = Client(url=server.url, api_key=KEY)
    client.close()
    with pytest.raises(errors.CapsuledError, match="closed"):
        client.teams.list()


def test_a_process_that_was_forked_reads_its_own_answers_and_not_those_of_the_other(fake: Fake) -> None:
    def named(_index: int, request: bytes) -> Reply:
        name = request.split(b" ")[1].rsplit(b"/", 1)[1].decode()
        time.sleep(0.002)
        return whole(200, {**CAPSULE, "name": name})

    server = fake(named)
    with Client(url=server.url, api_key=KEY) as client:
        Capsule.connect("before", client=client)

        def wrong(who: str) -> int:
            return sum(Capsule.connect(f"{who}-{at}", client=client).info.name != f"{who}-{at}" for at in range(100))

        child = os.fork()
        if child == 0:
            count = 99
            try:
                count = min(wrong("child"), 99)
            finally:
                os._exit(count)
        assert wrong("parent") == 0
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0

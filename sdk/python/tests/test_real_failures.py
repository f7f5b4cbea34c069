"""Failures with the real server behind them: what it refuses, and what happens on the way to it and back."""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import threading
import time
import warnings
from collections.abc import Callable, Iterator

import pytest

from capsuled import ApiError, AsyncCapsule, AsyncClient, Capsule, Client, errors
from capsuled._contract.errors import CLASSES
from capsuled._sync.commands import Commands

from .behaviours import behaviour
from .fake_server import answer
from .meddling_proxy import Meddling, MeddlingProxy

pytestmark = pytest.mark.server
Meddle = Callable[[Callable[[int], Meddling]], MeddlingProxy]


@pytest.fixture
def meddling(request: pytest.FixtureRequest, server_url: str) -> Meddle:
    def start(meddle: Callable[[int], Meddling]) -> MeddlingProxy:
        proxy = MeddlingProxy(server_url, meddle)
        request.addfinalizer(proxy.close)
        return proxy

    return start


def untouched(_connection: int) -> Meddling:
    return Meddling()


@pytest.fixture
def team(client: Client) -> Iterator[Client]:
    created = client.teams.create(f"Team {time.monotonic_ns()}")
    with Client(url=client.settings.url, api_key=created.key.key) as own:
        yield own


def names(client: Client) -> list[str | None]:
    return [capsule.name for capsule in Capsule.list(client=client)]


def held(connection: int) -> Meddling:
    """The first answer is held back, and what is sent after it goes through."""
    return Meddling(silent_after=1) if connection == 1 else Meddling()


@behaviour("capsule.create-aborted")
def test_what_an_interrupted_creation_has_made_is_destroyed(meddling: Meddle, team: Client) -> None:
    def when_there_are(count: int, act: Callable[[], object]) -> threading.Thread:
        def wait() -> None:
            until = time.monotonic() + 60
            with Client(url=team.settings.url, api_key=team.settings.api_key) as looking:
                while len(names(looking)) < count and time.monotonic() < until:
                    time.sleep(0.05)
            act()

        thread = threading.Thread(target=wait, daemon=True)
        thread.start()
        return thread

    def interrupt() -> None:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)

    with Client(url=meddling(held).url, api_key=team.settings.api_key) as client:
        looking = when_there_are(1, interrupt)
        with pytest.raises(KeyboardInterrupt):
            Capsule(name="half", client=client)
        looking.join()
    assert names(team) == []

    with Capsule(name="whole", client=team) as capsule, Client(url=meddling(held).url, api_key=team.settings.api_key) as client:
        # Its facts came by another way, so that the fork is the first on this one.
        forkable = capsule._sibling(capsule.info)
        forkable._bind(client, owns_client=False, info=capsule.info)
        looking = when_there_are(2, interrupt)
        with pytest.raises(KeyboardInterrupt):
            forkable.fork(name="fork")
        looking.join()
        assert names(team) == ["whole"]

    async def cancelled() -> None:
        async with AsyncClient(url=meddling(held).url, api_key=team.settings.api_key) as client:
            making = asyncio.create_task(AsyncCapsule.create(name="half", client=client))
            await asyncio.to_thread(when_there_are(1, lambda: None).join)
            making.cancel()
            with pytest.raises(asyncio.CancelledError):
                await making

    asyncio.run(cancelled())
    assert names(team) == []


@behaviour("settings.environment")
def test_the_environment_says_which_server_and_key(
    meddling: Meddle, capsule: Capsule, team: Client, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = meddling(untouched)
    monkeypatch.setenv("CAPSULED_URL", f"{proxy.url}/")
    assert Capsule.get_info(capsule.id).id == capsule.id
    assert proxy.requests == [f"GET /v1/capsules/{capsule.id}"]
    assert Capsule.get_info(capsule.id, url=server_url).id == capsule.id
    assert len(proxy.requests) == 1, "what is given in code wins"
    with pytest.raises(errors.NotFoundError):
        Capsule.get_info(capsule.id, api_key=team.settings.api_key)


@behaviour("settings.missing-key")
def test_without_a_key_nothing_is_sent(meddling: Meddle, monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = meddling(untouched)
    monkeypatch.delenv("CAPSULED_API_KEY")
    with pytest.raises(errors.SettingsError, match=r"CAPSULED_API_KEY.*admin-key"):
        Capsule.create(url=proxy.url)
    assert proxy.requests == []


@behaviour("error.typed")
def test_what_the_server_refuses_is_of_the_class_of_its_code(meddling: Meddle, team: Client) -> None:
    capsule = Capsule.create(client=team, name="typed")
    member = Client(url=team.settings.url, api_key=team.keys.create(role="member").key)
    capsule.commands.run("sleep 600", background=True, tag="taken")
    cases: list[tuple[Callable[[], object], str, int]] = [
        (lambda: Capsule.get_info("cl-none", client=team), "not_found", 404),
        (lambda: Capsule.create(client=team, vcpus=-1, memory_mb=-1), "invalid_request", 400),
        (lambda: Capsule.create(client=team, name="typed"), "conflict", 409),
        (member.keys.create, "forbidden", 403),
        (lambda: capsule.commands.run("true", background=True, tag="taken"), "tag_in_use", 409),
        (lambda: capsule.commands.run("echo so far; exec sleep 600", timeout=1), "timeout", 504),
        (lambda: capsule.files.write("/etc/passwd", "x", exclusive=True), "conflict", 409),
    ]
    for ask, code, status in cases:
        with pytest.raises(ApiError) as raised:
            ask()
        error = raised.value
        assert (type(error), error.code, error.status) == (CLASSES[code], code, status)
        assert error.message
        assert (error.request_id or "").startswith("req-")
        if code == "timeout":
            assert error.details["stdout"] == "so far\n"
        if isinstance(error, errors.InvalidRequestError):
            assert [field for field, _ in error.problems] == ["vcpus", "memory_mb"]
    capsule.pause()
    with pytest.raises(errors.InvalidStateError):
        capsule.commands.run("true")
    capsule.destroy()
    member.close()
    proxy = meddling(lambda _: Meddling(alter=lambda data: data.replace(b'"not_found"', b'"brand_new"')))
    with Client(url=proxy.url, api_key=team.settings.api_key) as newer, pytest.raises(ApiError) as unknown:
        Capsule.get_info("cl-none", client=newer)
    assert (type(unknown.value), unknown.value.code, unknown.value.status) == (ApiError, "brand_new", 404)


@behaviour("error.no-server")
def test_where_there_is_no_server_the_error_names_the_url_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(errors.ConnectionFailedError) as raised:
        Capsule.create(url=url)
    assert url in str(raised.value)
    assert "CAPSULED_URL" in str(raised.value)


@behaviour("error.wrong-url")
def test_what_is_no_server_of_ours_is_told_and_shown(meddling: Meddle) -> None:
    for status in (200, 302, 404):
        page = answer(status, b"<h1>Welcome to another server</h1>", {"connection": "close"}, "text/html")
        proxy = meddling(lambda _, page=page: Meddling(instead=page))  # type: ignore[misc]
        with Client(url=proxy.url) as client, pytest.raises(errors.UnexpectedAnswerError) as raised:
            client.teams.list()
        assert "Welcome to another server" in str(raised.value)
        assert "CAPSULED_URL" in str(raised.value)
        assert len(proxy.requests) == 1


@behaviour("error.other-version")
def test_a_server_of_another_version_is_told_of_once(meddling: Meddle, client: Client) -> None:
    version = re.compile(rb"(capsuled-version: )" + re.escape(client.health().version.encode()), re.IGNORECASE)
    proxy = meddling(lambda _: Meddling(alter=lambda data: version.sub(rb"\g<1>0.0.9", data)))
    with Client(url=proxy.url) as older:
        with pytest.warns(errors.ServerVersionWarning, match=r"0\.0\.9 and this SDK of .* Update the server"):
            older.teams.list()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert older.teams.list()
            assert older.server_version == "0.0.9"
            with pytest.raises(errors.UnexpectedAnswerError, match=r"is of version 0\.0\.9 and does not know getRun .*update"):
                older.runs.get("run-none")


@behaviour("error.slow")
def test_a_server_that_falls_silent_is_a_timeout(meddling: Meddle) -> None:
    for silent_after in (0, 100):
        proxy = meddling(lambda _, silent_after=silent_after: Meddling(silent_after=silent_after))  # type: ignore[misc]
        with Client(url=proxy.url, answer_timeout=0.2, retries=0) as client, pytest.raises(errors.ClientTimeoutError):
            client.teams.list()


@behaviour("error.left-open")
def test_what_was_done_without_an_answer_is_found_by_the_key_that_the_error_carries(meddling: Meddle, team: Client) -> None:
    # Every request arrives, and no answer does.
    proxy = meddling(lambda _: Meddling(cut_after=0))
    with Client(url=proxy.url, api_key=team.settings.api_key, retries=1) as lost:
        with pytest.raises(errors.ConnectionFailedError) as raised:
            Capsule(name="lost", client=lost)
        key = raised.value.idempotency_key
        assert key is not None
        assert f"asked again with the Idempotency-Key {key}, it is not done twice" in str(raised.value)
        assert len(proxy.requests) == 2
        found = Capsule(name="lost", client=team, idempotency_key=key)
        assert [one.id for one in Capsule.list(client=team)] == [found.id]
        found.wait_ready()
        line = "echo ran >> /root/runs; wc -l < /root/runs"
        with pytest.raises(errors.ConnectionFailedError) as unheard:
            Commands(lost.transport, found.id).run(line)
        assert unheard.value.idempotency_key is not None
        assert found.commands.run(line, idempotency_key=unheard.value.idempotency_key).stdout == "1\n"
        with pytest.raises(errors.ConnectionFailedError) as read:
            Capsule.get_info(found.id, client=lost)
        assert read.value.idempotency_key is None
        found.destroy()


@behaviour("error.cut")
def test_an_answer_of_the_server_that_is_cut_is_never_taken_for_a_whole_one(meddling: Meddle, capsule: Capsule) -> None:
    counting = meddling(untouched)
    with Client(url=counting.url) as client:
        whole = Capsule.get_info(capsule.id, client=client)
    length = counting.passed
    places = [*range(40), *range(40, length, 7)]
    proxy = meddling(lambda connection: Meddling(cut_after=places[connection - 1]))
    with Client(url=proxy.url, retries=0) as client:
        for _ in places:
            with pytest.raises(errors.ConnectionFailedError):
                Capsule.get_info(capsule.id, client=client)
    again = meddling(lambda connection: Meddling(cut_after=length - 1) if connection < 3 else Meddling())
    with Client(url=again.url) as client:
        assert Capsule.get_info(capsule.id, client=client).id == whole.id
    assert length > 500
    assert len(again.requests) == 3


@behaviour("retry.safe")
def test_what_passes_by_itself_is_repeated_by_its_name_and_what_is_refused_for_good_is_not(
    meddling: Meddle, team: Client
) -> None:
    key = team.settings.api_key

    def later(connection: int) -> Meddling:
        body = {"error": {"code": "unavailable", "message": "Later.", "request_id": "req-1"}}
        return Meddling(instead=answer(503, body, {"retry-after": "1", "connection": "close"})) if connection == 1 else Meddling()

    def lost(connection: int) -> Meddling:
        return Meddling(cut_after=0) if connection == 1 else Meddling()

    for name, meddle in (("later", later), ("lost", lost)):
        proxy = meddling(meddle)
        began = time.monotonic()
        with Client(url=proxy.url, api_key=key) as client:
            capsule = Capsule.create(client=client, name=name)
            assert names(team) == [name]
            assert proxy.requests[:2] == ["POST /v1/capsules"] * 2
            if name == "later":
                assert time.monotonic() - began >= 1
            capsule.destroy()
    refusing = meddling(untouched)
    with Client(url=refusing.url, api_key=key) as client:
        with pytest.raises(ApiError):
            Capsule.create(client=client, template="no-such")
        with pytest.raises(errors.NotFoundError):
            Capsule.get_info("cl-none", client=client)
    assert len(refusing.requests) == 2
    unsafe = meddling(lost)
    with Client(url=unsafe.url, api_key=key, retries=0) as client, pytest.raises(errors.ConnectionFailedError):
        client.teams.list()
    assert len(unsafe.requests) == 1


@behaviour("stream.digest")
def test_a_byte_that_is_altered_on_its_way_is_an_error(meddling: Meddle, capsule: Capsule) -> None:
    printed = re.compile(rb'"data":"(xxx|eHh4)')  # as text, or as base64
    proxy = meddling(
        lambda _: Meddling(
            alter=lambda data: printed.sub(lambda found: b'"data":"xyx' if found[1] == b"xxx" else b'"data":"eHh5', data)
        )
    )
    with Client(url=proxy.url) as client:
        altered = Capsule.connect(capsule.id, client=client)
        with pytest.raises(errors.DigestMismatchError):
            list(altered.commands.stream("printf '%s' xxxxxxxxxxxx"))
    assert list(capsule.commands.stream("printf '%s' xxxxxxxxxxxx"))[-1].type == "exit"

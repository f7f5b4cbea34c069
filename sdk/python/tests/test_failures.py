from __future__ import annotations

import socket
import time
import warnings
from collections.abc import Callable

import pytest

from capsuled import ApiError, Client, errors
from capsuled._contract.errors import CLASSES, RETRY
from capsuled._contract.operations import API_VERSION
from capsuled._core.answer import api_error

from .behaviours import behaviour
from .fake_server import FakeServer, Reply, answer, problem, whole

Fake = Callable[[Callable[[int, bytes], Reply]], FakeServer]
KEY = "wrn_" + "0" * 40
TEAM = {"id": "team-1", "name": "One", "slug": "one", "created_at": "2026-11-01T10:00:00.000Z"}
TEAMS = {"teams": [TEAM]}


def client_of(server: FakeServer, **settings: float | int) -> Client:
    return Client(url=server.url, api_key=KEY, **settings)  # type: ignore[arg-type]


@behaviour("error.typed")
def test_each_code_has_a_class_and_a_code_of_a_newer_server_is_of_the_base_class(fake: Fake) -> None:
    for code in RETRY:
        error = api_error(code, "words")
        assert type(error) is CLASSES[code]
        assert isinstance(error, errors.CapsuledError)
        assert getattr(errors, type(error).__name__) is type(error)
    server = fake(lambda _index, _request: problem("brand_new", 418, details={"a": 1}))
    with client_of(server) as client, pytest.raises(ApiError) as raised:
        client.teams.list()
    error = raised.value
    assert type(error) is ApiError
    assert (error.code, error.status, error.message, error.request_id) == ("brand_new", 418, "It is brand_new.", "req-1")
    assert error.details == {"a": 1}


def test_the_fields_that_are_wrong_are_told(fake: Fake) -> None:
    problems = [{"field": "cmd", "message": "must not be empty"}]
    server = fake(lambda _index, _request: problem("invalid_request", 400, details={"problems": problems}))
    with client_of(server) as client, pytest.raises(errors.InvalidRequestError) as raised:
        client.teams.list()
    assert raised.value.problems == (("cmd", "must not be empty"),)


@behaviour("error.no-server")
def test_where_no_server_answers_the_error_names_the_url_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    with Client(url=url, api_key=KEY) as client, pytest.raises(errors.ConnectionFailedError) as raised:
        client.teams.list()
    assert url in str(raised.value)
    assert "CAPSULED_URL" in str(raised.value)
    assert isinstance(raised.value, ConnectionError)


@behaviour("error.wrong-url")
@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (200, "text/html", b"<h1>Welcome to another server</h1>"),
        (404, "text/html", b"<h1>Welcome to another server</h1>"),
        (404, "application/json", b'{"error": "Welcome to another server"}'),
        (301, "text/html", b"Welcome to another server"),
        (200, "application/json", b'"Welcome to another server'),
    ],
)
def test_where_something_else_answers_the_error_says_so_and_shows_it(fake: Fake, status: int, kind: str, body: bytes) -> None:
    server = fake(lambda _index, _request: (answer(status, body, {"location": "/x"}, kind), True))
    with client_of(server) as client, pytest.raises(errors.UnexpectedAnswerError) as raised:
        client.teams.list()
    assert "Welcome to another server" in str(raised.value)
    assert "CAPSULED_URL" in str(raised.value)
    assert raised.value.status == status
    assert len(server.requests) == 1


def of_version(version: str, reply: Reply) -> Reply:
    assert reply is not None
    return reply[0].replace(b"\r\n", f"\r\nCapsuled-Version: {version}\r\n".encode(), 1), reply[1]


@behaviour("error.other-version")
def test_a_server_of_another_version_is_told_of_once_and_what_it_does_not_know_is_named(fake: Fake) -> None:
    none = problem("not_found", 404, details={"reason": "no_such_path"})
    asked = iter([whole(200, TEAMS), whole(200, TEAMS), none, problem("not_found", 404), problem("invalid_request", 400)])
    older = fake(lambda _index, _request: of_version("0.0.9", next(asked)))
    with client_of(older) as client:
        with pytest.warns(errors.ServerVersionWarning, match=r"0\.0\.9 and this SDK of .* Update the server"):
            client.teams.list()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            client.teams.list()
            assert client.server_version == "0.0.9"
            with pytest.raises(
                errors.UnexpectedAnswerError, match=r"0\.0\.9 and does not know deleteImage .* needs 0\.1\.0: update"
            ):
                client.images.delete("im-a")
            # An older server answers for a path that it does not know as if an object were missing: an endpoint, say.
            with pytest.raises(errors.UnexpectedAnswerError, match=r"does not know getRun"):
                client.runs.get("run-none")
            with pytest.raises(errors.InvalidRequestError, match=r"may not know all that it is asked for"):
                client.keys.list()
    newer = fake(lambda index, _request: of_version("9.0.0", [none, problem("not_found", 404)][index]))
    with client_of(newer) as client:
        with (
            pytest.warns(errors.ServerVersionWarning, match=r"Update the SDK"),
            pytest.raises(errors.UnexpectedAnswerError) as raised,
        ):
            client.images.delete("im-a")
        assert "does not know deleteImage (DELETE /v1/images/{id}) any more" in str(raised.value)
        with pytest.raises(errors.NotFoundError):
            client.runs.get("run-none")
    later = fake(lambda _index, _request: of_version("0.1.999", whole(200, TEAMS)))
    with client_of(later) as client, warnings.catch_warnings():
        warnings.simplefilter("error")
        client.teams.list()


@pytest.mark.server
def test_the_server_says_its_version_and_knows_a_path_from_an_object_that_is_missing(client: Client) -> None:
    client.teams.list()
    assert client.server_version == API_VERSION
    lost = Client(url=f"{client.settings.url}/elsewhere")
    with lost, pytest.raises(errors.UnexpectedAnswerError, match=r"check that CAPSULED_URL"):
        lost.teams.list()


def test_an_answer_of_another_version_names_the_field_that_is_not_there(fake: Fake) -> None:
    server = fake(lambda _index, _request: whole(200, {"teams": [{**TEAM, "slug": None}, {"id": "team-1"}]}))
    with client_of(server) as client, pytest.raises(errors.UnexpectedAnswerError, match="slug"):
        client.teams.list()
    newer = fake(lambda _index, _request: whole(200, {"teams": [{**TEAM, "new": {"a": 1}}]}))
    with client_of(newer) as client:
        assert client.teams.list()[0].slug == "one"


@behaviour("error.slow")
def test_a_server_that_does_not_answer_in_time_is_a_timeout(fake: Fake) -> None:
    server = fake(lambda _index, _request: None)
    with client_of(server, answer_timeout=0.5, retries=1) as client, pytest.raises(errors.ClientTimeoutError) as raised:
        client.teams.list()
    assert isinstance(raised.value, TimeoutError)
    assert len(server.requests) == 2


def test_an_answer_that_stops_in_its_middle_is_a_timeout_too(fake: Fake) -> None:
    server = fake(lambda _index, _request: (answer(200, TEAMS)[:-5], True))
    with client_of(server, answer_timeout=0.5, retries=0) as client, pytest.raises(errors.ClientTimeoutError):
        client.teams.list()


@behaviour("error.cut")
def test_an_answer_cut_at_any_byte_is_asked_for_again_or_a_connection_error(fake: Fake, monkeypatch: pytest.MonkeyPatch) -> None:
    said = answer(200, TEAMS)
    monkeypatch.setattr("capsuled._core.retry.FIRST_DELAY_S", 0)
    for length in range(len(said)):
        server = fake(lambda index, _request, length=length: (said[:length], False) if index == 0 else (said, True))  # type: ignore[misc]
        with client_of(server) as client:
            assert client.teams.list()[0].slug == "one", f"cut at {length}"
        assert len(server.requests) == 2
    for length in range(0, len(said), 7):
        server = fake(lambda _index, _request, length=length: (said[:length], False))  # type: ignore[misc]
        with client_of(server, retries=0) as client, pytest.raises(errors.ConnectionFailedError):
            client.teams.list()


@behaviour("retry.safe")
def test_what_may_be_repeated_is_as_long_as_retry_after_says_and_nothing_else(fake: Fake) -> None:
    def unavailable_first(index: int, _request: bytes) -> Reply:
        return problem("unavailable", 503, {"Retry-After": "1"}) if index == 0 else whole(200, TEAMS)

    server = fake(unavailable_first)
    with client_of(server) as client:
        began = time.monotonic()
        assert len(client.teams.list()) == 1
        assert time.monotonic() - began >= 1
    assert len(server.requests) == 2
    for code, status in (("not_found", 404), ("conflict", 409), ("unauthorized", 401), ("timeout", 504)):
        refusing = fake(lambda _index, _request, code=code, status=status: problem(code, status))  # type: ignore[misc]
        with client_of(refusing) as client, pytest.raises(CLASSES[code]):
            client.teams.list()
        assert len(refusing.requests) == 1, code
    late = fake(lambda _index, _request: problem("quota_exceeded", 429, {"Retry-After": "3600"}))
    with client_of(late) as client, pytest.raises(errors.QuotaExceededError):
        client.teams.list()
    assert len(late.requests) == 1


def test_a_repeat_of_what_is_not_repeatable_carries_the_same_name(fake: Fake) -> None:
    created = {"team": TEAM, "key": {}}

    def cut_first(index: int, _request: bytes) -> Reply:
        return (b"", False) if index == 0 else whole(201, created)

    server = fake(cut_first)
    with client_of(server) as client, pytest.raises(errors.UnexpectedAnswerError, match="lacks the field"):
        client.teams.create("One")
    lines = [line for request in server.requests for line in request.split(b"\r\n")]
    names = [line for line in lines if line.lower().startswith(b"idempotency-key")]
    assert len(names) == 2
    assert names[0] == names[1]


def test_the_first_one_under_way_is_waited_for_beyond_the_number_of_repeats(fake: Fake) -> None:
    def in_progress(index: int, _request: bytes) -> Reply:
        return problem("idempotency_in_progress", 409, {"Retry-After": "0"}) if index < 8 else problem("conflict", 409)

    server = fake(in_progress)
    with client_of(server, retries=1) as client, pytest.raises(errors.ConflictError):
        client.teams.create("One")
    assert len(server.requests) == 9

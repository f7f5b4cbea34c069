from __future__ import annotations

import pytest

from capsuled import Client
from capsuled._core.settings import TIMEOUT_MAX_S
from capsuled.errors import SettingsError

from .behaviours import behaviour
from .fake_server import FakeServer, whole

KEY = "wrn_" + "0123456789" * 4


@behaviour("settings.environment")
def test_the_environment_says_which_server_and_key_and_what_is_given_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAPSULED_URL", "http://one.example:1/")
    monkeypatch.setenv("CAPSULED_API_KEY", KEY)
    with Client() as client:
        assert (client.settings.url, client.settings.api_key) == ("http://one.example:1", KEY)
    with Client(url="https://two.example/base", api_key="other") as client:
        assert (client.settings.url, client.settings.api_key) == ("https://two.example/base", "other")
        assert client.settings.websocket_url("/v1/x") == "wss://two.example/base/v1/x"
    monkeypatch.delenv("CAPSULED_URL")
    with Client() as client:
        assert client.settings.url == "http://127.0.0.1:8080"


@behaviour("settings.missing-key")
def test_without_a_key_nothing_is_sent_and_the_error_says_where_keys_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CAPSULED_API_KEY", raising=False)
    server = FakeServer(lambda _index, _request: whole(200, []))
    try:
        with Client(url=server.url) as client, pytest.raises(SettingsError, match=r"CAPSULED_API_KEY.*admin-key"):
            client.keys.list()
        assert server.requests == []
    finally:
        server.close()


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://a", "http://", "http://a:b", "http://a:99999", "http://a?b", "//a"])
def test_a_url_that_is_none_is_refused_with_one_that_is(url: str) -> None:
    with pytest.raises(SettingsError, match=r"http://127\.0\.0\.1:8080|is no URL"):
        Client(url=url or " ")


@pytest.mark.parametrize("url", ["http://me:s3cret@host.test:1", "https://s3cret@host.test:1/base"])
def test_a_url_with_a_user_or_a_password_is_refused_and_the_error_does_not_repeat_them(url: str) -> None:
    with pytest.raises(SettingsError, match=r"URL of host\.test:1 .*API key") as refused:
        Client(url=url)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("key", ["wrn_\n", " wrn_1", "wrn_ü", "a\x00b"])
def test_a_key_that_no_header_can_hold_is_refused(key: str) -> None:
    with pytest.raises(SettingsError, match="key"):
        Client(api_key=key)


def test_the_key_is_in_no_representation() -> None:
    with Client(api_key=KEY, url="http://127.0.0.1:1") as client:
        assert KEY not in repr(client) + repr(client.settings)


@pytest.mark.parametrize("given", [float("nan"), -1, "5", True])
@pytest.mark.parametrize("name", ["connect_timeout", "answer_timeout", "reconnect_timeout", "retries"])
def test_a_patience_that_is_none_is_refused(name: str, given: object) -> None:
    with pytest.raises(SettingsError, match=name):
        Client(api_key=KEY, **{name: given})  # type: ignore[arg-type]


def test_the_longest_times_are_as_good_as_for_ever_and_a_stream_may_be_tried_again_for_ever() -> None:
    with pytest.raises(SettingsError, match="answer_timeout"):
        Client(api_key=KEY, answer_timeout=float("inf"))
    server = FakeServer(lambda _index, _request: whole(200, []))
    try:
        longest = {"connect_timeout": TIMEOUT_MAX_S, "answer_timeout": TIMEOUT_MAX_S, "reconnect_timeout": float("inf")}
        with Client(url=server.url, api_key=KEY, **longest) as client:  # type: ignore[arg-type]
            assert client.keys.list() == []
    finally:
        server.close()

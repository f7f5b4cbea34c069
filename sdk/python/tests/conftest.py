"""Fixtures: the server under test, and one capsule that tests share where they leave it as it was."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from capsuled import Capsule, Client

from .cutting_proxy import CuttingProxy
from .fake_server import FakeServer, Reply


@pytest.fixture(scope="session")
def server_url() -> str:
    url = os.environ.get("CAPSULED_URL")
    if not url or not os.environ.get("CAPSULED_API_KEY"):
        pytest.fail("tests marked `server` need CAPSULED_URL and CAPSULED_API_KEY; without a server: pytest -m 'not server'")
    return url


@pytest.fixture
def client(server_url: str) -> Iterator[Client]:
    with Client(url=server_url) as client:
        yield client


@pytest.fixture(scope="session")
def capsule(server_url: str) -> Iterator[Capsule]:
    with Capsule(wait=True, url=server_url) as capsule:
        yield capsule


@pytest.fixture
def fake(request: pytest.FixtureRequest) -> Callable[[Callable[[int, bytes], Reply]], FakeServer]:
    def start(replies: Callable[[int, bytes], Reply]) -> FakeServer:
        server = FakeServer(replies)
        request.addfinalizer(server.close)
        return server

    return start


@pytest.fixture
def cutting(request: pytest.FixtureRequest, server_url: str) -> Callable[[Iterator[int | None]], CuttingProxy]:
    def start(budgets: Iterator[int | None]) -> CuttingProxy:
        proxy = CuttingProxy(server_url, budgets)
        request.addfinalizer(proxy.close)
        return proxy

    return start

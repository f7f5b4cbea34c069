"""Fixtures: the documented client in both its faces, set to the server under test by its documented settings."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from faces import Client

for setting in ("WRENN_BASE_URL", "WRENN_API_KEY", "WRENN_PROXY_DOMAIN"):
    if not os.environ.get(setting):
        pytest.exit(f"{setting} must say where the server under test is", returncode=2)

_resolve = socket.getaddrinfo


def _resolve_localhost(host: Any, *args: Any, **options: Any) -> Any:
    """Names below localhost are this machine, as browsers and systemd's resolver have it and the C library alone does not."""
    name = host.decode() if isinstance(host, bytes) else host
    return _resolve("127.0.0.1" if isinstance(name, str) and name.endswith(".localhost") else host, *args, **options)


socket.getaddrinfo = _resolve_localhost


@pytest.fixture(scope="session", params=["sync", "async"])
def client(request: pytest.FixtureRequest) -> Iterator[Client]:
    client = Client(request.param)
    yield client
    client.close()


@pytest.fixture(scope="session")
def capsule(client: Client) -> Iterator[Any]:
    """A capsule that tests share where they leave it as it was."""
    with client.Capsule.create(wait=True) as capsule:
        yield capsule


@pytest.fixture
def low(client: Client) -> Iterator[Any]:
    """The low-level client."""
    with client.WrennClient() as low:
        yield low


@pytest.fixture
def directory(capsule: Any) -> str:
    """A directory in the shared capsule for one test."""
    return f"/workspace/{uuid4().hex}"


@pytest.fixture
def name() -> Callable[[], str]:
    """A new name for a template."""
    return lambda: f"wrenn-{uuid4().hex[:12]}"

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from capsuled import Capsule, errors

from .behaviours import behaviour

pytestmark = pytest.mark.server
PORT = 3456
# Says on which port it listens once it does.
SERVER = f"""
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.end_headers(); self.wfile.write(b"hello")
    def log_message(self, *_): pass
server = http.server.HTTPServer(("127.0.0.1", {PORT}), Handler)
print("listens", flush=True)
server.serve_forever()
"""


@pytest.fixture
def listening(capsule: Capsule) -> Iterator[Capsule]:
    stream = capsule.commands.stream("python3", ["-c", SERVER])
    with stream:
        for event in stream:
            if event.type == "stdout" and "listens" in event.data:
                break
            assert event.type == "start", event
        yield capsule
    capsule.ports.set_access(PORT, public=False)


def ask(capsule: Capsule, port: int = PORT, token: str | None = None) -> httpx.Response:
    """A request below the path of the port, without a key."""
    url = f"{capsule.client.settings.url}/v1/capsules/{capsule.id}/ports/{port}/"
    return httpx.get(url, params={} if token is None else {"capsuled_token": token})


@behaviour("port.list")
def test_what_is_listened_on_is_listed(listening: Capsule) -> None:
    found = [one for one in listening.ports.list() if one.port == PORT]
    assert [(one.address, one.public) for one in found] == [("127.0.0.1", False)]
    assert urlsplit(found[0].url).netloc.startswith(f"{PORT}-{listening.id}.")


@behaviour("port.link")
def test_a_link_works_without_a_key_for_its_own_port(listening: Capsule) -> None:
    link = listening.ports.url(PORT, ttl=60)
    assert link.url.endswith(f"?capsuled_token={link.token}")
    assert ask(listening, token=link.token).text == "hello"
    assert ask(listening).status_code == 401
    assert ask(listening, PORT + 1, link.token).status_code == 401
    with pytest.raises(errors.InvalidRequestError):
        listening.ports.url(PORT, ttl=0)
    with pytest.raises(errors.NotFoundError):
        listening.ports.url(0)


@behaviour("port.access")
def test_a_port_is_opened_to_anybody_and_closed_again(listening: Capsule) -> None:
    assert listening.ports.set_access(PORT, public=True).public
    assert ask(listening).text == "hello"
    assert not listening.ports.set_access(PORT, public=False).public
    assert ask(listening).status_code == 401

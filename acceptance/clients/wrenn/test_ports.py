"""Ports of a capsule, by the URL that the client makes."""

from __future__ import annotations

import os
from typing import Any

import httpx

KEYED = {"X-API-Key": os.environ["WRENN_API_KEY"]}


def test_the_url_of_a_port_leads_to_what_listens_there(capsule: Any, directory: str) -> None:
    capsule.files.write(f"{directory}/page", "a page")
    url = capsule.get_url(8400)
    assert url == f"http://8400-{capsule.capsule_id}.{os.environ['WRENN_PROXY_DOMAIN']}"
    assert httpx.get(url, headers=KEYED).status_code == 502
    server = capsule.commands.run("exec python3 -u -m http.server 8400 --bind 127.0.0.1", background=True, cwd=directory)
    while (answer := httpx.get(f"{url}/page", headers=KEYED)).status_code == 502:
        pass
    assert answer.text == "a page"
    assert httpx.get(f"{url}/none", headers=KEYED).status_code == 404
    assert httpx.get(f"{url}/page").status_code == 401
    capsule.commands.kill(server.pid)

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

import pytest

from capsuled import Capsule, Client, errors
from capsuled.call_events import DoneEvent, OutputEvent, RunErrorEvent

from .behaviours import behaviour
from .cutting_proxy import CuttingProxy

pytestmark = pytest.mark.server
Cutting = Callable[[Iterator[int | None]], CuttingProxy]


@pytest.fixture
def owner(client: Client) -> str:
    return client.teams.list()[0].slug


@pytest.fixture
def name(client: Client) -> Iterator[str]:
    name = f"py-{secrets.token_hex(4)}"
    yield name
    client.endpoints.delete(name)


@behaviour("endpoint.define")
def test_an_endpoint_is_published_read_changed_listed_and_taken_away(
    client: Client, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = client.endpoints.define(name, {"command": "echo hi", "async": False, "envs": {"A": "b"}})
    assert (made.name, made.command, made.version, made.env_names, made.async_) == (name, "echo hi", 1, ("A",), False)
    changed = client.endpoints.define(name, {"command": "echo ho", "timeout": 5, "schedule": "0 4 * * *"})
    assert (changed.version, changed.timeout) == (2, 5)
    assert client.endpoints.get(name).command == "echo ho"
    assert client.endpoints.pause_schedule(name).schedule_paused
    assert not client.endpoints.resume_schedule(name).schedule_paused
    monkeypatch.setattr("capsuled._sync.paging.PAGE_ITEMS", 1)
    assert name in [one.name for one in client.endpoints.list()]
    client.endpoints.delete(name)
    with pytest.raises(errors.NotFoundError):
        client.endpoints.get(name)
    with pytest.raises(errors.InvalidRequestError) as raised:
        client.endpoints.define(name, {"command": "echo hi | cat", "timeout": 0})
    assert {field for field, _ in raised.value.problems} >= {"timeout"}


@behaviour("endpoint.apply")
def test_a_file_of_endpoints_is_published_as_a_whole_or_tried(client: Client, name: str) -> None:
    text = f"version: 1\nendpoints:\n  - name: {name}\n    command: echo from a file\n"
    tried = client.endpoints.apply(text, dry_run=True)
    assert (tried.applied, [(change.name, change.change) for change in tried.changes]) == (False, [(name, "create")])
    assert client.endpoints.apply(text).applied
    assert client.endpoints.get(name).command == "echo from a file"
    with pytest.raises(errors.InvalidRequestError) as raised:
        client.endpoints.apply(text + "  - name: BAD\n    command: x\n")
    assert raised.value.problems


@behaviour("endpoint.call")
def test_calling_an_endpoint_gives_its_output_or_what_its_transformer_made(
    client: Client, capsule: Capsule, owner: str, name: str
) -> None:
    client.endpoints.define(
        name,
        {
            "command": "echo {{word}} {{flag}}",
            "args": [{"name": "word"}, {"name": "flag", "type": "boolean"}],
            "capsule": capsule.id,
        },
    )
    result = client.endpoints.call(f"{owner}/{name}", {"word": "a b", "flag": True})
    assert (result.output, result.exit_code, result.reason, result.run_id[:4]) == ("a b true\n", 0, "exited", "run-")
    assert client.endpoints.call(f"{owner}/{name}", {"word": "é&=", "flag": False}, method="GET").output == "é&= false\n"
    once = secrets.token_hex(8)
    runs = {client.endpoints.call(f"{owner}/{name}", {"word": "x", "flag": True}, idempotency_key=once).run_id for _ in range(2)}
    assert len(runs) == 1
    client.endpoints.define(name, {"command": "echo '{\"a\": [1, 2]}'", "transformer": {"type": "json"}, "capsule": capsule.id})
    assert client.endpoints.call(f"{owner}/{name}").data == {"a": [1, 2]}
    client.endpoints.define(name, {"command": "cat", "stdin": "body", "capsule": capsule.id})
    assert client.endpoints.call(f"{owner}/{name}", body=(b"typed", "application/octet-stream")).output == "typed"
    client.endpoints.define(name, {"command": "sh -c 'echo behind; exit 4'", "async": True, "capsule": capsule.id})
    behind = client.endpoints.call(f"{owner}/{name}")
    assert (behind.output, behind.exit_code) == ("behind\n", 4)
    assert client.runs.get(client.endpoints.start(f"{owner}/{name}")).endpoint == name


@behaviour("endpoint.stream")
def test_a_call_can_be_iterated_over(client: Client, capsule: Capsule, owner: str, name: str) -> None:
    client.endpoints.define(
        name, {"command": "sh -c 'echo one; echo two >&2; printf \"\\377\\n\"; exit 6'", "capsule": capsule.id}
    )
    events = list(client.endpoints.stream(f"{owner}/{name}"))
    lines = [(event.stream, event.raw) for event in events if isinstance(event, OutputEvent)]
    assert sorted(lines) == [("stderr", b"two"), ("stdout", b"one"), ("stdout", b"\xff")]
    assert isinstance(events[-1], DoneEvent)
    assert events[-1].exit_code == 6
    client.endpoints.define(name, {"command": "echo behind", "async": True, "capsule": capsule.id})
    assert [event.type for event in client.endpoints.stream(f"{owner}/{name}")] == ["output", "done"]


@behaviour("endpoint.resume")
def test_a_calls_stream_that_is_cut_goes_on_and_the_command_runs_once(
    client: Client, capsule: Capsule, owner: str, name: str, cutting: Cutting
) -> None:
    mark = f"/tmp/{name}"
    script = f"echo ran >> {mark}; i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; sleep 0.003; done; wc -l < {mark}"
    client.endpoints.define(name, {"command": script, "shell": True, "capsule": capsule.id})
    proxy = cutting(iter([0, 100, 700, 2500, 6000, None]))
    with Client(url=proxy.url) as through:
        events = list(through.endpoints.stream(f"{owner}/{name}"))
    lines = [event.data for event in events if isinstance(event, OutputEvent)]
    assert lines == [*(f"line {n}" for n in range(1, 301)), "1"]
    assert isinstance(events[-1], DoneEvent)
    assert proxy.cuts >= 4


@behaviour("endpoint.error")
def test_a_failed_refused_or_timed_out_call_is_a_typed_error_or_end(
    client: Client, capsule: Capsule, owner: str, name: str
) -> None:
    with pytest.raises(errors.NotFoundError):
        client.endpoints.call(f"{owner}/no-such-endpoint")
    with pytest.raises(errors.SettingsError, match="owner/name"):
        client.endpoints.call("nonsense")
    client.endpoints.define(
        name, {"command": "echo {{must}}", "args": [{"name": "must", "required": True}], "capsule": capsule.id}
    )
    with pytest.raises(errors.InvalidRequestError, match="must"):
        client.endpoints.call(f"{owner}/{name}")
    with pytest.raises(errors.InvalidRequestError):
        list(client.endpoints.stream(f"{owner}/{name}"))
    client.endpoints.define(name, {"command": "sh -c 'echo so far; sleep 60'", "timeout": 1, "capsule": capsule.id})
    with pytest.raises(errors.CommandTimeoutError):
        client.endpoints.call(f"{owner}/{name}")
    events = list(client.endpoints.stream(f"{owner}/{name}"))
    assert isinstance(events[-1], RunErrorEvent)
    assert events[-1].reason == "timed_out"
    client.endpoints.define(name, {"command": "echo no json", "transformer": {"type": "json"}, "capsule": capsule.id})
    with pytest.raises(errors.TransformFailedError):
        client.endpoints.call(f"{owner}/{name}")


@behaviour("run.read")
def test_runs_are_listed_read_followed_and_read_by_offset(
    client: Client, capsule: Capsule, owner: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.endpoints.define(name, {"command": "seq 2000", "capsule": capsule.id})
    ids = [client.endpoints.call(f"{owner}/{name}").run_id for _ in range(2)]
    monkeypatch.setattr("capsuled._sync.paging.PAGE_ITEMS", 1)
    assert sorted(run.id for run in client.runs.list(endpoint=name)) == sorted(ids)
    assert list(client.runs.list(endpoint=name, status="failed")) == []
    expected = b"".join(b"%d\n" % n for n in range(1, 2001))
    run = client.runs.get(ids[0])
    assert (run.status, run.exit_code, run.output) == ("succeeded", 0, expected.decode())
    assert client.runs.output(ids[0]) == expected
    assert client.runs.output(ids[0], offset=5, limit=7) == expected[5:12]
    assert b"".join(page.data.encode() for page in client.runs.pages(ids[0])) == expected
    events = list(client.runs.stream(ids[0]))
    assert [event.data for event in events if isinstance(event, OutputEvent)] == expected.decode().splitlines()
    assert events[-1].type == "done"


@behaviour("run.cancel")
def test_a_run_is_cancelled(client: Client, capsule: Capsule, owner: str, name: str) -> None:
    client.endpoints.define(name, {"command": "sh -c 'echo up; sleep 100'", "async": True, "capsule": capsule.id})
    run = client.endpoints.start(f"{owner}/{name}")
    for event in client.runs.stream(run):
        if event.type == "output":
            client.runs.cancel(run)
    assert client.runs.get(run).status == "cancelled"
    assert client.runs.cancel(run).status == "cancelled"


def test_badges_are_images(client: Client, owner: str) -> None:
    assert client.endpoints.badge(owner).startswith("<svg")

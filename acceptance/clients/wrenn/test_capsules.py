"""The life of capsules, by objects, by the class, and by the low-level client."""

from __future__ import annotations

import os
from typing import Any

import pytest
import wrenn
from faces import Client
from wrenn.models import Status


def test_a_capsule_is_made_with_what_was_asked_for_and_destroyed_at_the_end_of_its_block(client: Client) -> None:
    with client.Capsule.create(template="minimal", vcpus=2, memory_mb=256, timeout=300, wait=True) as capsule:
        info = capsule.get_info()
        assert (info.id, info.status) == (capsule.capsule_id, Status.running)
        assert (info.template, info.vcpus, info.memory_mb, info.timeout_sec) == ("minimal", 2, 256, 300)
        assert info.created_at.tzinfo and info.started_at >= info.created_at and info.last_updated and info.last_active_at
        assert capsule.info.id == capsule.capsule_id
        assert capsule.is_running()
    assert client.Capsule.get_info(capsule.capsule_id).status == Status.stopped


def test_the_synchronous_constructor_creates_too() -> None:
    with wrenn.Capsule(wait=True) as capsule:
        assert capsule.is_running()


def test_pause_resume_and_destroy_wait_for_what_they_say(client: Client) -> None:
    with client.Capsule.create(wait=True) as capsule:
        assert capsule.pause(wait=True).status == Status.paused
        assert not capsule.is_running()
        assert capsule.resume(wait=True).status == Status.running
        assert capsule.pause().status == Status.paused
        assert capsule.resume().status == Status.running
        capsule.ping()
        capsule.destroy(wait=True)
        assert capsule.get_info().status in (Status.stopped, Status.missing)


def test_the_class_pauses_resumes_and_destroys_by_id(client: Client) -> None:
    capsule = client.Capsule.create(wait=True)
    assert client.Capsule.pause(capsule.capsule_id, wait=True).status == Status.paused
    assert client.Capsule.resume(capsule.capsule_id, wait=True).status == Status.running
    assert capsule.capsule_id in [each.id for each in client.Capsule.list()]
    client.Capsule.destroy(capsule.capsule_id, wait=True)
    assert capsule.capsule_id not in [each.id for each in client.Capsule.list()]


def test_connecting_to_a_paused_capsule_resumes_it_with_its_files_and_processes(client: Client) -> None:
    with client.Capsule.create(wait=True) as capsule:
        capsule.files.write("/workspace/kept", "kept")
        process = capsule.commands.run("sleep 1000", background=True)
        capsule.pause()
        again = client.Capsule.connect(capsule.capsule_id)
        again.wait_ready()
        assert again.is_running()
        assert again.files.read("/workspace/kept") == "kept"
        assert process.pid in [each.pid for each in again.commands.list()]


def test_the_low_level_client_does_the_same(low: Any) -> None:
    capsule = low.capsules.create(template="minimal", memory_mb=256)
    assert low.capsules.get(capsule.id).memory_mb == 256
    assert capsule.id in [each.id for each in low.capsules.list()]
    assert low.capsules.pause(capsule.id).status == Status.paused
    assert low.capsules.resume(capsule.id).status == Status.running
    low.capsules.ping(capsule.id)
    low.capsules.destroy(capsule.id)
    assert low.capsules.get(capsule.id).status == Status.stopped


def test_the_templates_that_the_client_documents_are_there(low: Any) -> None:
    for documented, ours in [("minimal", "minimal"), ("minimal-ubuntu", "minimal")]:
        capsule = low.capsules.create(template=documented)
        low.capsules.destroy(capsule.id)
        assert capsule.template == ours


def test_the_settings_may_be_given_as_arguments(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    url, key = os.environ["WRENN_BASE_URL"], os.environ["WRENN_API_KEY"]
    monkeypatch.delenv("WRENN_BASE_URL")
    monkeypatch.delenv("WRENN_API_KEY")
    # With and without /api, and by a name.
    for base in (url, url.removesuffix("/api"), url.replace("127.0.0.1", "localhost")):
        with client.WrennClient(api_key=key, base_url=base) as low:
            low.capsules.list()
    low = client.WrennClient(api_key=key, base_url=url)
    low.capsules.list()
    low.aclose() if client.face == "async" else low.close()


def test_errors_are_the_typed_ones_of_the_client(client: Client, capsule: Any, low: Any) -> None:
    nowhere = "cl-" + "0" * 25
    with pytest.raises(wrenn.WrennNotFoundError) as raised:
        client.Capsule.get_info(nowhere)
    assert (raised.value.code, raised.value.status_code) == ("not_found", 404) and raised.value.message
    for call in (low.capsules.pause, low.capsules.resume, low.capsules.ping, low.capsules.metrics, client.Capsule.connect):
        with pytest.raises(wrenn.WrennNotFoundError):
            call(nowhere)
    with pytest.raises(wrenn.WrennAuthenticationError) as raised:
        client.Capsule.list(api_key="wrn_" + "0" * 32)
    assert raised.value.status_code == 401
    with pytest.raises(wrenn.WrennConflictError) as raised:
        low.capsules.resume(capsule.capsule_id)
    assert raised.value.code == "invalid_state"
    for call in (
        lambda: low.capsules.create(template="no such"),
        lambda: low.capsules.create(memory_mb=1),
        lambda: low.capsules.stats("1y"),
        lambda: capsule.files.read(""),
    ):
        with pytest.raises(wrenn.WrennValidationError) as raised:
            call()
        assert raised.value.code == "invalid_request"
    with pytest.raises(wrenn.WrennNotFoundError):
        low.capsules.create(template="nosuch")


def test_a_paused_capsule_refuses_commands_files_and_terminals_as_a_conflict(client: Client) -> None:
    with client.Capsule.create(wait=True) as capsule:
        capsule.pause()
        for call in (lambda: capsule.commands.run("true"), capsule.commands.list, lambda: capsule.files.list("/")):
            with pytest.raises(wrenn.WrennConflictError):
                call()

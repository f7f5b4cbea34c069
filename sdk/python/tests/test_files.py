from __future__ import annotations

import asyncio
import hashlib
import io
import json
import platform
import secrets
import tarfile
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import date
from pathlib import Path

import httpx
import pytest
from websockets.sync.client import connect

from capsuled import AsyncCapsule, AsyncClient, Capsule, Client, errors
from capsuled.build_events import BuildEndEvent, BuildOutputEvent

from .behaviours import behaviour
from .cutting_proxy import CuttingProxy
from .fake_server import FakeServer, Reply, answer

Fake = Callable[[Callable[[int, bytes], Reply]], FakeServer]
Cutting = Callable[[Iterator[int | None]], CuttingProxy]
MIB = 1024 * 1024


@pytest.fixture
def folder(capsule: Capsule) -> Iterator[str]:
    path = f"/workspace/{secrets.token_hex(4)}"
    yield path
    if capsule.files.exists(path):
        capsule.files.remove(path)


@pytest.mark.server
@behaviour("file.read-write")
def test_files_are_written_and_read_at_once_and_as_streams(capsule: Capsule, folder: str, tmp_path: Path) -> None:
    files = capsule.files
    content = bytes(range(256)) * 5000
    files.write(f"{folder}/a.bin", content, mode="600")
    files.write(f"{folder}/sub/b.txt", "é\n")
    assert files.read_bytes(f"{folder}/a.bin") == content
    assert files.read(f"{folder}/sub/b.txt") == "é\n"
    assert (files.stat(f"{folder}/a.bin").size, files.stat(f"{folder}/a.bin").mode) == (len(content), 0o600)
    with pytest.raises(errors.ConflictError):
        files.write(f"{folder}/a.bin", "x", exclusive=True)
    files.write(f"{folder}/streamed", (bytes([n]) * 100_000 for n in range(50)))
    assert [hashlib.sha256(b"".join(files.read_stream(f"{folder}/streamed"))).hexdigest()] == [
        hashlib.sha256(b"".join(bytes([n]) * 100_000 for n in range(50))).hexdigest()
    ]
    (tmp_path / "here").write_bytes(content)
    with (tmp_path / "here").open("rb") as file:
        files.write(f"{folder}/from-file", file)
    assert files.read_bytes(f"{folder}/from-file") == content
    url = files.download_url(f"{folder}/sub/b.txt")
    assert httpx.get(url).text == "é\n"
    assert httpx.get(url).status_code == 401
    with pytest.raises(errors.NotFoundError):
        next(files.read_stream(f"{folder}/none"))
    with pytest.raises(errors.InvalidRequestError):
        files.write(f"{folder}/x", iter([b"x"]), mode="no mode")


@pytest.mark.server
def test_a_stream_that_its_writer_breaks_off_leaves_the_file_as_it_was(capsule: Capsule, folder: str) -> None:
    capsule.files.write(f"{folder}/kept", "before")

    def broken() -> Iterator[bytes]:
        yield b"x" * 100_000
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        capsule.files.write(f"{folder}/kept", broken())
    assert capsule.files.read(f"{folder}/kept") == "before"


@pytest.mark.server
def test_a_stream_that_is_cut_is_an_error_and_never_a_shorter_file(capsule: Capsule, folder: str, cutting: Cutting) -> None:
    capsule.files.write(f"{folder}/big", b"x" * (3 * MIB))
    proxy = cutting(iter([MIB]))
    with Client(url=proxy.url) as client, pytest.raises(errors.ConnectionFailedError):
        b"".join(type(capsule.files)(client.transport, capsule.id).read_stream(f"{folder}/big"))
    assert proxy.cuts == 1


@pytest.mark.server
def test_the_asynchronous_face_streams_files_too(server_url: str, capsule: Capsule, folder: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for n in range(20):
            yield bytes([n]) * 100_000

    async def run() -> bytes:
        async with AsyncClient(url=server_url) as client:
            same = await AsyncCapsule.connect(capsule.id, client=client)
            await same.files.write(f"{folder}/streamed", pieces())
            return b"".join([piece async for piece in same.files.read_stream(f"{folder}/streamed")])

    assert asyncio.run(run()) == b"".join(bytes([n]) * 100_000 for n in range(20))


def test_bytes_that_do_not_match_their_digest_are_an_error(fake: Fake) -> None:
    digest = "sha-256=:" + "A" * 43 + "=:"
    server = fake(lambda index, request: (answer(200, b"bytes", {"content-digest": digest}, "application/octet-stream"), True))
    with Client(url=server.url, api_key="wrn_x") as client:
        capsule_id = "cl-" + "0" * 25
        from capsuled._sync.files import Files

        with pytest.raises(errors.DigestMismatchError):
            Files(client.transport, capsule_id).read_bytes("/file")


@pytest.mark.server
@behaviour("file.change")
def test_files_are_listed_moved_copied_changed_and_removed(
    capsule: Capsule, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = capsule.files
    files.write(f"{folder}/a.bin", b"a")
    files.write(f"{folder}/sub/b.txt", "b")
    monkeypatch.setattr("capsuled._sync.files.PAGE_ITEMS", 1)
    assert [entry.name for entry in files.list(folder, depth=2)] == ["a.bin", "sub", "b.txt"]
    assert files.make_dir(f"{folder}/c").type == "directory"
    assert files.copy(f"{folder}/sub", f"{folder}/c/sub").type == "directory"
    assert files.move(f"{folder}/c/sub/b.txt", f"{folder}/moved.txt").name == "moved.txt"
    assert files.chmod(f"{folder}/moved.txt", "755").permissions == "-rwxr-xr-x"
    assert files.exists(f"{folder}/moved.txt")
    files.remove(folder)
    assert not files.exists(folder)
    for act in (files.read, files.stat, files.remove, lambda path: list(files.list(path))):
        with pytest.raises(errors.NotFoundError):
            act(f"{folder}/none")
    with pytest.raises(errors.NotFoundError, match="no capsule"):
        type(files)(capsule.client.transport, "cl-" + "0" * 25).exists("/")


@pytest.mark.server
@behaviour("file.watch")
def test_changes_in_a_directory_are_told_to_the_end_and_a_cut_as_an_overflow(
    capsule: Capsule, folder: str, cutting: Cutting
) -> None:
    files = capsule.files
    files.make_dir(f"{folder}/below")
    seen = []
    for change in files.watch(folder, recursive=True):
        if change.type != "attributes_changed":
            seen.append((change.type, change.path))
        if change.type == "watching":
            assert change.directories == 2
            files.write(f"{folder}/below/a", "a")
        if change.type == "created":
            files.move(f"{folder}/below/a", f"{folder}/b")
        if change.type == "renamed":
            assert change.from_ == f"{folder}/below/a"
            files.remove(folder)
        if change.type == "ended":
            assert change.reason == "removed"
    assert seen[:3] == [("watching", None), ("created", f"{folder}/below/a"), ("renamed", f"{folder}/b")]
    assert seen[-1] == ("ended", None)
    with pytest.raises(errors.NotFoundError):
        next(files.watch(folder))
    files.make_dir(folder)
    # Each connection but the last is cut after a few changes.
    proxy = cutting(iter([1500, 1500, *([None] * 100)]))
    types = set()
    written = 0
    with Client(url=proxy.url) as through:
        for change in Capsule.connect(capsule.id, client=through).files.watch(folder):
            types.add(change.type)
            if change.type == "overflow":
                break
            if change.type in {"watching", "created"}:
                written += 1
                files.write(f"{folder}/{written}", "x")
    assert types == {"created", "overflow", "watching"}
    # What was left takes none of the capsule's 16 places.
    for _ in range(20):
        for change in files.watch(folder):
            assert change.type == "watching"
            break
    with connect(files.watch_url(folder, recursive=True)) as page:
        assert json.loads(page.recv(timeout=30))["type"] == "watching"


@pytest.mark.server
@behaviour("file.archive")
def test_a_directory_goes_out_and_in_as_an_archive(capsule: Capsule, folder: str) -> None:
    files = capsule.files
    content = secrets.token_bytes(2 * MIB)
    files.write(f"{folder}/in/data", content)
    capsule.commands.run(f"ln -s data {folder}/in/link; mkfifo {folder}/in/fifo").or_raise()
    archive = b"".join(files.read_archive(f"{folder}/in"))
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        assert sorted(tar.getnames()) == ["data", "link"]
        assert tar.getmember("link").linkname == "data"
    written = files.write_archive(f"{folder}/out", files.read_archive(f"{folder}/in"), uid=1000, gid=1000)
    assert (written.entries, written.bytes) == (2, len(content))
    assert files.read_bytes(f"{folder}/out/link") == content
    assert files.stat(f"{folder}/out/data").uid == 1000
    assert files.write_archive(f"{folder}/again", archive).entries == 2
    assert httpx.get(files.archive_url(f"{folder}/in")).content == archive
    with pytest.raises(errors.InvalidRequestError):
        files.write_archive(f"{folder}/bad", archive[:5000])
    with pytest.raises(errors.NotFoundError):
        next(files.read_archive(f"{folder}/none"))


@pytest.mark.server
@behaviour("snapshot.create")
def test_a_snapshot_begins_other_capsules_is_listed_and_deleted(client: Client) -> None:
    name = f"py-{secrets.token_hex(4)}"
    with Capsule(memory_mb=64, disk_mb=64, wait=True, client=client) as capsule:
        capsule.files.write("/workspace/kept", "kept")
        made = capsule.snapshot(name)
        try:
            assert (made.name, made.type) == (name, "snapshot")
            assert name in [template.name for template in client.snapshots.list("snapshot")]
            with Capsule(name, memory_mb=64, wait=True, client=client) as again:
                assert again.files.read("/workspace/kept") == "kept"
        finally:
            client.snapshots.delete(name)
    assert name not in [template.name for template in client.snapshots.list("snapshot")]


@pytest.mark.server
@behaviour("template.build")
def test_a_recipe_is_built_its_log_followed_a_failure_named_and_a_build_cancelled(client: Client) -> None:
    name = f"py-{secrets.token_hex(4)}"
    begun = client.templates.build(
        {"name": name, "memory_mb": 96, "steps": [{"run": "echo told; echo kept > /root/kept"}], "envs": {"WHO": "recipe"}}
    )
    log = list(client.templates.build_log(begun.id))
    try:
        assert [event.data for event in log if isinstance(event, BuildOutputEvent)] == ["told\n"]
        assert isinstance(log[-1], BuildEndEvent) and log[-1].state == "ready"
        with Capsule(name, wait=True, client=client) as capsule:
            assert capsule.commands.run("cat /root/kept; echo $WHO").stdout == "kept\nrecipe\n"
    finally:
        client.snapshots.delete(name)
    failing = client.templates.build({"name": name, "memory_mb": 96, "steps": [{"run": "exit 4"}], "wait_ms": 60_000})
    assert failing.state == "failed" and failing.error is not None
    assert (failing.error.step, failing.error.exit_code) == (1, 4)
    endless = client.templates.build({"name": name, "memory_mb": 96, "steps": [{"run": "sleep 1000"}]})
    assert client.templates.cancel_build(endless.id).state == "cancelled"
    assert client.templates.get_build(endless.id).reason == "cancelled"
    # Others of the team may be newer.
    own = [build.id for build in client.templates.builds(100) if build.name == name]
    assert own == [endless.id, failing.id, begun.id]
    assert len(client.templates.builds(2)) == 2


def tar_of(files: dict[str, bytes]) -> bytes:
    """A tar archive of files that anybody may run."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o755
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def image_archive(layer: bytes) -> bytes:
    """An archive as `docker save` writes it, of an image with one layer."""
    architecture = {"x86_64": "amd64", "aarch64": "arm64"}[platform.machine()]
    layers = {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]}
    config = {"architecture": architecture, "os": "linux", "config": {"Env": ["PATH=/bin", "OF=image"]}, "rootfs": layers}
    manifest = [{"Config": "config.json", "RepoTags": ["test:latest"], "Layers": ["layer.tar"]}]
    return tar_of(
        {"layer.tar": layer, "config.json": json.dumps(config).encode(), "manifest.json": json.dumps(manifest).encode()}
    )


@pytest.mark.server
@behaviour("image.upload")
def test_an_archive_of_an_image_is_uploaded_built_of_and_removed(client: Client, capsule: Capsule) -> None:
    name = f"py-{secrets.token_hex(4)}"
    needed = capsule.commands.run("readlink -f /bin/sh; ldd /bin/sh | grep -o '/[^ ]*'").or_raise().stdout.split()
    files = {path.removeprefix("/"): capsule.files.read_bytes(path) for path in needed}
    archive = image_archive(tar_of({"bin/sh": files.pop(needed[0].removeprefix("/")), **files}))
    uploaded = client.images.upload(archive)
    assert (uploaded.id[:3], uploaded.size_bytes) == ("im-", len(archive))
    assert client.images.upload(io.BytesIO(archive)).id == uploaded.id
    built = client.templates.build({"name": name, "from": {"image": {"archive": uploaded.id}}, "wait_ms": 60_000})
    assert built.state == "ready", built.message
    try:
        with Capsule(name, wait=True, client=client) as of_image:
            assert of_image.commands.run("echo $OF").stdout == "image\n"
    finally:
        client.snapshots.delete(name)
    client.images.delete(uploaded.id)
    with pytest.raises(errors.NotFoundError):
        client.images.delete(uploaded.id)
    with pytest.raises(errors.InvalidRequestError):
        client.images.upload(bytes(2000))


@pytest.mark.server
@behaviour("snapshot.fork")
def test_forks_begin_with_the_files_of_their_source(client: Client) -> None:
    with Capsule(memory_mb=64, disk_mb=64, wait=True, client=client) as capsule:
        capsule.files.write("/workspace/kept", "kept")
        forks = capsule.fork(2)
        assert len(forks) == 2
        for fork in forks:
            with fork:
                fork.wait_ready()
                assert fork.files.read("/workspace/kept") == "kept"


@pytest.mark.server
@behaviour("capsule.metrics")
def test_what_a_capsule_uses_and_a_team_has_running_is_read(capsule: Capsule, client: Client) -> None:
    metrics = capsule.metrics("5m")
    assert (metrics.sandbox_id, metrics.range) == (capsule.id, "5m")
    assert capsule.metrics().range == "10m"
    assert client.stats().current.running_count >= 1
    assert client.stats("24h").range == "24h"
    usage = client.usage(from_=date(2026, 11, 1), to="2026-11-02")
    assert (usage.from_, usage.to) == ("2026-11-01", "2026-11-02")
    assert all(point.cpu_minutes >= 0 and point.ram_mb_minutes >= 0 for point in usage.points)
    assert len(client.usage().points) == 31

from __future__ import annotations

import secrets

import pytest

from capsuled import Capsule, Client, errors

pytestmark = pytest.mark.server


def test_files_are_written_read_listed_and_removed(capsule: Capsule, monkeypatch: pytest.MonkeyPatch) -> None:
    files = capsule.files
    folder = f"/workspace/{secrets.token_hex(4)}"
    content = bytes(range(256)) * 5000
    files.write(f"{folder}/a.bin", content, mode="600")
    files.write(f"{folder}/sub/b.txt", "é\n")
    assert files.read_bytes(f"{folder}/a.bin") == content
    assert files.read(f"{folder}/sub/b.txt") == "é\n"
    assert (files.stat(f"{folder}/a.bin").size, files.stat(f"{folder}/a.bin").mode) == (len(content), 0o600)
    monkeypatch.setattr("capsuled._sync.files.PAGE_ITEMS", 1)
    assert [entry.name for entry in files.list(folder, depth=2)] == ["a.bin", "sub", "b.txt"]
    with pytest.raises(errors.ConflictError):
        files.write(f"{folder}/a.bin", "x", exclusive=True)
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


def test_a_snapshot_and_a_fork_begin_with_the_files_of_their_source(client: Client) -> None:
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
        for fork in capsule.fork(2):
            with fork:
                fork.wait_ready()
                assert fork.files.read("/workspace/kept") == "kept"

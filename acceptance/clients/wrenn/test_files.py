"""Files: whole, streamed, listed, made and removed."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import wrenn
from faces import Client


def test_text_and_bytes_come_back_as_they_were_written_and_parents_are_made(capsule: Any, directory: str) -> None:
    capsule.files.write(f"{directory}/a/text", "grüße\n")
    assert capsule.files.read(f"{directory}/a/text") == "grüße\n"
    data = bytes(range(256)) * 4096
    capsule.files.write(f"{directory}/a/bytes", data)
    assert capsule.files.read_bytes(f"{directory}/a/bytes") == data
    capsule.files.write(f"{directory}/empty", "")
    assert capsule.files.read_bytes(f"{directory}/empty") == b""


def test_names_with_spaces_quotes_and_letters_of_any_kind_are_kept(capsule: Any, directory: str) -> None:
    for name in ("a b", "quote\"d'", "ümläut-日本", "per%20cent", "semi;colon"):
        capsule.files.write(f"{directory}/{name}", name)
        assert capsule.files.read(f"{directory}/{name}") == name
        assert capsule.files.exists(f"{directory}/{name}")


def test_a_listing_has_every_field_of_the_clients_entries(capsule: Any, directory: str) -> None:
    capsule.files.write(f"{directory}/file", "12345")
    capsule.files.make_dir(f"{directory}/dir/below")
    capsule.commands.run("ln -s file link; ln -s nowhere dangling; mkfifo pipe; chmod 640 file", cwd=directory)
    entries = {entry.name: entry for entry in capsule.files.list(directory)}
    kinds = {"dangling": "symlink", "dir": "directory", "file": "file", "link": "symlink", "pipe": "file"}
    assert {name: entry.type for name, entry in entries.items()} == kinds
    file = entries["file"]
    assert (file.path, file.size, file.mode, file.permissions) == (f"{directory}/file", 5, 0o640, "-rw-r-----")
    assert (file.owner, file.group) == ("root", "root") and file.modified_at > 1_700_000_000
    assert entries["link"].symlink_target == "file"
    assert "below" in [entry.name for entry in capsule.files.list(directory, depth=2)]
    assert capsule.files.list(f"{directory}/dir/below") == []


def test_making_a_directory_twice_answers_the_one_that_is_there(capsule: Any, directory: str) -> None:
    made = capsule.files.make_dir(f"{directory}/deep/er")
    again = capsule.files.make_dir(f"{directory}/deep/er")
    assert (
        (made.type, made.name, made.path) == (again.type, again.name, again.path) == ("directory", "er", f"{directory}/deep/er")
    )


def test_what_is_removed_does_not_exist(capsule: Any, directory: str) -> None:
    capsule.files.write(f"{directory}/below/file", "x")
    assert capsule.files.exists(f"{directory}/below/file")
    capsule.files.remove(f"{directory}/below")
    assert not capsule.files.exists(f"{directory}/below")
    assert not capsule.files.exists(f"{directory}/below/file")
    assert not capsule.files.exists("/no/such/place")


def test_what_is_missing_or_of_another_kind_raises_the_typed_error(capsule: Any, directory: str) -> None:
    missing = f"{directory}/missing"
    for call in (capsule.files.read, capsule.files.read_bytes, capsule.files.list, capsule.files.remove):
        with pytest.raises(wrenn.WrennNotFoundError):
            call(missing)
    with pytest.raises(httpx.HTTPStatusError) as raised:
        list(capsule.files.download_stream(missing))
    assert raised.value.response.status_code == 404
    capsule.files.write(f"{directory}/file", "x")
    for call in (
        lambda: capsule.files.read(directory),
        lambda: capsule.files.write(directory, "x"),
        lambda: capsule.files.list(f"{directory}/file"),
    ):
        with pytest.raises(wrenn.WrennValidationError):
            call()


def test_streams_carry_large_files_both_ways(client: Client, capsule: Any, directory: str) -> None:
    chunks = [bytes([n % 251]) * 1_000_003 for n in range(24)]
    capsule.files.upload_stream(f"{directory}/large", client.stream(chunks))
    assert b"".join(capsule.files.download_stream(f"{directory}/large")) == b"".join(chunks)
    capsule.files.upload_stream(f"{directory}/none", client.stream([]))
    assert capsule.files.read_bytes(f"{directory}/none") == b""
    capsule.files.remove(f"{directory}/large")

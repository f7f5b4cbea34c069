"""Repositories, by the client's git methods, which are commands in the capsule."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wrenn

SERVER = Path(__file__).with_name("git_server.py").read_text(encoding="utf-8")


@pytest.fixture
def repository(capsule: Any, directory: str) -> str:
    """A repository with one commit."""
    capsule.git.init(directory, initial_branch="main")
    capsule.git.configure_user("A Person", "person@example.com", scope="local", cwd=directory)
    capsule.files.write(f"{directory}/file", "one\n")
    capsule.git.add(all=True, cwd=directory)
    capsule.git.commit("first", cwd=directory)
    return directory


def test_status_branches_and_configuration_are_read_as_they_are(capsule: Any, repository: str) -> None:
    git = capsule.git
    assert git.status(cwd=repository).branch == "main" and git.status(cwd=repository).is_clean
    capsule.files.write(f"{repository}/file", "two\n")
    capsule.files.write(f"{repository}/new", "x\n")
    status = git.status(cwd=repository)
    assert [(each.path, each.status, each.staged) for each in status.files] == [
        ("file", "modified", False),
        ("new", "untracked", False),
    ]
    git.create_branch("feature", cwd=repository)
    git.checkout_branch("main", cwd=repository)
    assert [(each.name, each.is_current) for each in git.branches(cwd=repository)] == [("feature", False), ("main", True)]
    git.delete_branch("feature", cwd=repository)
    assert [each.name for each in git.branches(cwd=repository)] == ["main"]
    git.set_config("core.autocrlf", "false", scope="local", cwd=repository)
    assert git.get_config("core.autocrlf", cwd=repository) == "false"
    assert git.get_config("no.such", cwd=repository) is None


def test_what_is_staged_and_committed_can_be_taken_back(capsule: Any, repository: str) -> None:
    git = capsule.git
    capsule.files.write(f"{repository}/file", "two\n")
    git.add(["file"], cwd=repository)
    assert git.status(cwd=repository).has_staged
    git.restore(["file"], staged=True, cwd=repository)
    assert not git.status(cwd=repository).has_staged
    git.add(["file"], cwd=repository)
    git.commit("second", cwd=repository)
    git.reset(mode="hard", ref="HEAD~1", cwd=repository)
    assert capsule.files.read(f"{repository}/file") == "one\n"


def test_a_failure_raises_with_what_git_said(capsule: Any, directory: str) -> None:
    capsule.files.make_dir(directory)
    with pytest.raises(wrenn.GitCommandError) as raised:
        capsule.git.commit("nothing", cwd=directory)
    assert "not a git repository" in raised.value.stderr and raised.value.exit_code == 128


def test_clone_push_and_pull_carry_credentials_and_leave_none_behind(capsule: Any, repository: str) -> None:
    git = capsule.git
    url = f"http://127.0.0.1:8300{repository}.git"
    bare = f"/srv{repository}.git"
    capsule.files.make_dir("/srv/workspace")
    git.init(bare, bare=True, initial_branch="main")
    git.set_config("http.receivepack", "true", scope="local", cwd=bare)
    server = capsule.commands.run(f"exec python3 - <<'EOF'\n{SERVER}\nEOF", background=True)
    try:
        assert (
            capsule.commands.run(
                "until (: < /dev/tcp/127.0.0.1/8300) 2>/dev/null; do sleep 0.05; done".join(("bash -c '", "'"))
            ).exit_code
            == 0
        )
        git.remote_add("origin", url, cwd=repository)
        assert git.remote_get("origin", cwd=repository) == url
        assert git.remote_get("other", cwd=repository) is None
        git.push("origin", "main", username="user", password="secret", cwd=repository)
        clone = f"{repository}-clone"
        git.clone(url, clone, username="user", password="secret")
        assert capsule.files.read(f"{clone}/file") == "one\n"
        assert git.remote_get("origin", cwd=clone) == url
        capsule.files.write(f"{repository}/file", "two\n")
        git.add(all=True, cwd=repository)
        git.commit("second", cwd=repository)
        git.push("origin", "main", username="user", password="secret", cwd=repository)
        git.pull("origin", "main", username="user", password="secret", cwd=clone)
        assert capsule.files.read(f"{clone}/file") == "two\n"
        without_leave: tuple[Callable[[], Any], ...] = (
            lambda: git.push("origin", "main", cwd=repository),
            lambda: git.clone(url, f"{clone}-2", username="user", password="no"),
        )
        for call in without_leave:
            with pytest.raises(wrenn.GitAuthError):
                call()
        git.dangerously_authenticate(username="user", password="secret", host="127.0.0.1:8300", protocol="http")
        git.pull("origin", "main", cwd=clone)
    finally:
        capsule.commands.kill(server.pid)
        capsule.commands.run("rm -f ~/.git-credentials; git config --global --unset credential.helper")

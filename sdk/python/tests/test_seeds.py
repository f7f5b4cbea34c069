"""The documented samples, as they are written but for the package's name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import capsuled
from capsuled import Capsule

pytestmark = pytest.mark.server

STREAM = """\
from capsuled import Capsule

with Capsule(wait=True) as capsule:
    for event in capsule.commands.stream("python", args=["-u", "train.py"]):
        if event.type == "stdout":
            print(event.data, end="")
        elif event.type == "stderr":
            print("[err]", event.data, end="")
        elif event.type == "exit":
            print(f"\\nExited with code {event.exit_code}")
"""

RUN = """\
from capsuled import Capsule

with Capsule(wait=True) as capsule:
    # Foreground — blocks until done
    result = capsule.commands.run("python -c 'print(\\"hello\\")'")
    print(result.stdout)     # "hello\\n"
    print(result.exit_code)  # 0

    # Background — returns immediately
    handle = capsule.commands.run("python -u server.py", background=True)
    print(handle.pid)  # e.g. 42
    print(handle.tag)  # e.g. "bg-a1b2c3d4"
"""

PROCESSES = """\
from capsuled import Capsule

with Capsule(wait=True) as capsule:
    procs = capsule.commands.list()
    for p in procs:
        print(p.pid, p.tag, p.cmd)

with Capsule(wait=True) as capsule:
    capsule.commands.kill(pid=1234)
"""

ATTACH = """\
from capsuled import Capsule

with Capsule(wait=True) as capsule:
    handle = capsule.commands.run("python", args=["-u", "server.py"], background=True)

    # Later — attach to the running process
    for event in capsule.commands.connect(handle.pid):
        if event.type == "stdout":
            print(event.data, end="")
        elif event.type == "exit":
            print(f"Exited: {event.exit_code}")
"""

INFO = """\
from capsuled import Capsule

# Fetch metadata by ID without attaching to the capsule
info = Capsule.get_info("cl-abc123")
print(info.status)    # "running"
print(info.template)  # "base-python"

# Or refresh metadata on an existing instance
capsule = Capsule.connect("cl-abc123")
info = capsule.get_info()
print(info.status)
"""


# Before a sample: its capsules have the files and processes that it speaks of. The sample itself stays as it is written.
PREPARED = """\
import capsuled

class Prepared(capsuled.Capsule):
    def __enter__(self):
        capsule = super().__enter__()
        PREPARE
        return capsule

capsuled.Capsule = Prepared
"""
# Each line in one write: `print` may take two, between which a line of the other stream may be read.
TRAIN = (
    "import os, sys\nfor stream, line in ((1, 'epoch 1'), (2, 'loss is nan'), (1, 'epoch 2')):\n"
    "    os.write(stream, f'{line}\\n'.encode())\nsys.exit(3)\n"
)
REQUESTS = [f"request {number}" for number in range(1, 51)]
# Long enough for whoever is slow to attach.
SERVER = f"import os, time\nfor line in {REQUESTS!r}:\n    os.write(1, f'{{line}}\\n'.encode())\n    time.sleep(0.1)\n"
# Uses up numbers until the next processes are those around 1234.
BURN = (
    "import os\nwhile True:\n    pid = os.fork()\n    if pid == 0: os._exit(0)\n    os.waitpid(pid, 0)\n    if pid >= 1200: break"
)


def prepared(sample: str, prepare: str) -> str:
    return PREPARED.replace("PREPARE", prepare) + sample


def run(sample: str, server_url: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "CAPSULED_URL": server_url,
        "PYTHONPATH": str(Path(capsuled.__file__).parent.parent),
        "PYTHONWARNINGS": "default",
    }
    return subprocess.run([sys.executable, "-c", sample], env=environment, capture_output=True, text=True, timeout=120)


def test_the_sample_of_the_stream_runs_as_written(server_url: str) -> None:
    done = run(prepared(STREAM, f"capsule.files.write('train.py', {TRAIN!r})"), server_url)
    assert done.returncode == 0, done.stderr
    # The streams are two pipes: what comes first on one says nothing about the other.
    assert [line for line in done.stdout.splitlines() if not line.startswith("[err]")] == [
        "epoch 1",
        "epoch 2",
        "",
        "Exited with code 3",
    ]
    assert "[err] loss is nan\n" in done.stdout


def test_the_sample_of_the_stream_tells_what_goes_wrong(server_url: str) -> None:
    done = run(STREAM, server_url)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "Exited with code 2"), done.stderr
    assert "[err] python: can't open file" in done.stdout


def test_the_sample_of_exec_runs_as_written(server_url: str) -> None:
    done = run(RUN, server_url)
    assert done.returncode == 0, done.stderr
    hello, _, code, pid, tag = done.stdout.splitlines()
    assert (hello, code, pid.isdigit(), tag[:3], len(tag)) == ("hello", "0", True, "bg-", 11)


def test_the_samples_of_processes_run_as_written(server_url: str) -> None:
    started = f"""capsule.commands.run("python", ["-c", {BURN!r}]).or_raise()
        pids = []
        while 1234 not in pids:
            assert len(pids) < 64, "1234 is another's"
            pids.append(capsule.commands.run("sleep", ["600"], background=True).pid)"""
    for _ in range(4):
        done = run(prepared(PROCESSES, started), server_url)
        # A child that the agent made ahead and did not need has it: once more, in another capsule.
        if "1234 is another's" not in done.stderr:
            break
    assert done.returncode == 0, done.stderr
    listed = [line.split() for line in done.stdout.splitlines()]
    assert ("1234", "bg-", "sleep") in [(pid, tag[:3], cmd) for pid, tag, cmd in listed]


def test_the_sample_of_kill_tells_that_there_is_no_such_process(server_url: str) -> None:
    done = run(PROCESSES, server_url)
    assert done.returncode == 1
    assert "errors.NotFoundError: There is no such process" in done.stderr
    assert done.stdout == ""


def test_the_sample_of_attaching_runs_as_written(server_url: str) -> None:
    done = run(prepared(ATTACH, f"capsule.files.write('server.py', {SERVER!r})"), server_url)
    assert done.returncode == 0, done.stderr
    *requests, end = done.stdout.splitlines()
    # It attaches to a process that runs already: from then on nothing is missing.
    assert end == "Exited: 0"
    assert requests
    assert requests == REQUESTS[-len(requests) :]


def test_the_sample_of_a_capsules_facts_runs_as_written(server_url: str, capsule: Capsule) -> None:
    done = run(INFO.replace("cl-abc123", capsule.id), server_url)
    assert done.stdout.splitlines() == ["running", "minimal", "running"], done.stderr

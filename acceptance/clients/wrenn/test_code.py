"""Code in a kernel, by the client's code runner as it is: its own template's and its own kernel's name."""

from __future__ import annotations

import queue
import time
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from faces import Client

pytestmark = pytest.mark.code


@pytest.fixture(scope="module")
def runner(client: Client) -> Iterator[Any]:
    with client.CodeCapsule.create(wait=True) as capsule:
        # The client gives a kernel 5 s to begin, which a busy machine may not have.
        deadline = time.monotonic() + 120
        while True:
            try:
                capsule.run_code("None")
                break
            except (httpx.TimeoutException, TimeoutError):
                assert time.monotonic() < deadline, "no kernel has begun"
        yield capsule


def test_variables_are_kept_and_results_are_told_apart_from_what_is_printed(runner: Any) -> None:
    first = runner.run_code("x = 6 * 7\nprint('out')\nimport sys; print('err', file=sys.stderr)\nx")
    assert (first.text, first.logs.stdout, first.logs.stderr, first.error) == ("42", ["out\n"], ["err\n"], None)
    assert first.execution_count >= 1 and not first.timed_out
    assert runner.run_code("'text ' + str(x + 1)").text == "'text 43'"
    assert runner.run_code("y = 1").text is None


def test_an_exception_is_an_error_and_the_kernel_goes_on(runner: Any) -> None:
    error = runner.run_code("1 / 0").error
    assert (error.name, error.value) == ("ZeroDivisionError", "division by zero") and "ZeroDivisionError" in error.traceback
    assert runner.run_code("1 + 1").text == "2"


def test_what_is_displayed_comes_with_its_types_and_callbacks_are_called_as_it_comes(runner: Any) -> None:
    heard = []
    told = {f"on_{kind}": lambda value, kind=kind: heard.append(kind) for kind in ("result", "stdout", "stderr", "error")}
    code = "import sys; from IPython.display import HTML, display\nprint(1)\ndisplay(HTML('<b>'))\nprint(2, file=sys.stderr)\n3"
    execution = runner.run_code(code, **told)
    assert [result.formats() for result in execution.results] == [["text", "html"], ["text"]]
    assert execution.results[0].html == "<b>"
    assert sorted(heard) == ["result", "result", "stderr", "stdout"]
    runner.run_code("nope", **told)
    assert heard[-1] == "error"


def test_code_that_runs_into_its_timeout_says_so(client: Client, runner: Any) -> None:
    code = "import time; time.sleep(3)"
    if client.face == "sync":
        # The client's own fault: it waits for another error than its socket raises.
        with pytest.raises(queue.Empty):
            runner.run_code(code, timeout=1)
    else:
        execution = runner.run_code(code, timeout=1)
        assert execution.timed_out and execution.error.name == "Timeout"
    assert runner.run_code("'on'").text == "'on'"


def test_commands_and_files_see_what_code_left(runner: Any) -> None:
    runner.run_code("open('/workspace/from-code', 'w').write('kept')")
    assert runner.files.read("/workspace/from-code") == "kept"
    assert runner.commands.run("wc -c < /workspace/from-code").stdout == "4\n"


def test_another_kernel_can_be_asked_for_and_whoever_connects_has_the_first_ones_variables(client: Client, runner: Any) -> None:
    runner.run_code("mine = 1")
    again = client.CodeCapsule.connect(runner.capsule_id)
    assert again.run_code("mine").text == "1"
    again.close()


def test_the_old_names_work() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import wrenn.code_interpreter as old
        from wrenn import Sandbox
    assert old.Sandbox.__name__ == Sandbox.__name__ == "Capsule"

from __future__ import annotations

import pytest

from capsuled._core.program import program_of


def test_without_arguments_a_command_is_a_line_for_a_shell_and_with_them_a_program() -> None:
    assert program_of("ls -l", None) == ("/bin/sh", ["-c", "ls -l"])
    assert program_of("ls", []) == ("ls", [])
    assert program_of("ls", ("-l", "a b")) == ("ls", ["-l", "a b"])


@pytest.mark.parametrize("args", ["-l", b"-l"])
def test_one_text_for_all_arguments_is_refused_not_taken_letter_by_letter(args: str | bytes) -> None:
    with pytest.raises(TypeError, match="a list of texts"):
        program_of("ls", args)  # type: ignore[arg-type]

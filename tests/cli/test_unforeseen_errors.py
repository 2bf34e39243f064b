"""What the command prints of errors that nobody thought of, and with `--debug` of all errors."""

import os
import re
import struct
import sys
from collections.abc import Callable
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

import pytest

from anscombe_transform import __main__
from anscombe_transform.cli import commands
from anscombe_transform.cli.console import console, show_tracebacks

Outcome = Callable[..., tuple[Any, str]]

KINDS = [AssertionError, IndexError, KeyError, MemoryError, NotImplementedError, RecursionError, struct.error]


@pytest.fixture
def outcome(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Outcome:
    """Return a function that runs `info` with something else in place of what describes, and what comes of it."""
    monkeypatch.setattr(console, "width", console.width)
    monkeypatch.setattr(os, "_exit", sys.exit)

    def run(describe: Callable[..., Any], *options: str) -> tuple[Any, str]:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "stdout", sys.stdout)  # which are replaced by robust ones
            patch.setattr(sys, "stderr", sys.stderr)
            patch.setattr(commands, "describe_recording", describe)
            patch.setattr(sys, "argv", ["anscombe-transform", *options, "info", "movie.zarr"])
            with pytest.raises(SystemExit) as ended:
                __main__.main()
        show_tracebacks(False)
        return ended.value.code, capsys.readouterr().err

    return run


def failing(error: BaseException) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_that_nobody_thought_of_is_one_line_that_says_how_to_report_it(
    outcome: Outcome, kind: type[Exception]
) -> None:
    """Wherever it is raised: while something is looked up, or while what was found is printed."""
    fail = failing(kind("out of\nluck"))
    for describe in (fail, lambda *_, **__: [SimpleNamespace(table=fail, is_whole=True)]):
        status, printed = outcome(describe)
        (line,) = printed.splitlines()
        assert status == 2
        assert re.match(rf"Error: {kind.__name__.rpartition('.')[2]}: .*out of.*luck.*please report this", line)
        assert f"anscombe-transform {version('anscombe-transform')}" in line


def test_an_interruption_has_a_status_of_its_own(outcome: Outcome) -> None:
    assert outcome(failing(KeyboardInterrupt())) == (130, "Error: Interrupted\n")


@pytest.mark.parametrize("error", [ValueError("it is damaged"), KeyError("it is damaged")])
def test_debug_shows_where_an_error_was_raised(outcome: Outcome, error: Exception) -> None:
    status, printed = outcome(failing(error), "--debug")
    first, *lines, last = printed.splitlines()
    assert status == 2
    assert first.startswith("Traceback")
    assert any("in fail" in line for line in lines)
    assert last.startswith("Error: ")
    assert "Traceback" not in outcome(failing(error))[1]


def test_neither_secrets_nor_control_characters_are_printed(outcome: Outcome) -> None:
    error = OSError("https://anna:s3cr3t@host/movie.zarr?X-Amz-Signature=s3cr3t: \x1b[31m gone")
    for options in ((), ("--debug",)):
        _, printed = outcome(failing(error), *options)
        assert "s3cr3t" not in printed
        assert "https://...@host/movie.zarr?..." in printed
        assert r"\x1b[31m gone" in printed
        assert "\x1b" not in printed


def test_a_storage_option_without_a_value_is_not_repeated(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        commands.app(["info", "s3://bucket/movie.zarr", "--storage-option", "s3cr3t"])
    message = capsys.readouterr().err
    assert "must be KEY=VALUE" in message
    assert "s3cr3t" not in message
